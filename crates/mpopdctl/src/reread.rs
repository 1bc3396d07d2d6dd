//! `mpopdctl refresh`, `config` and `reopen-logs`: what is done by a signal.

use std::path::Path;
use std::process::ExitCode;

use config::Places;
use ipc::control::{ReloadKind, ReloadOutcome};
use rustix::process::Signal;

use crate::client::Client;
use crate::failure::Failure;
use crate::running;

/// Has the configuration read again, and waits for what becomes of it.
pub(crate) fn run(config: &Path, kind: ReloadKind) -> Result<ExitCode, Failure> {
    let Places { pid_file, control_socket } = places(config)?;
    let daemon = running::require(&pid_file)?;
    let client = Client::connect(&control_socket).map_err(|failure| {
        format!(
            "mpopd runs, process {}, but cannot be asked what it makes of the file: {failure}",
            daemon.pid.as_raw_nonzero()
        )
    })?;
    let signal = match kind {
        ReloadKind::Refresh => Signal::HUP,
        ReloadKind::Config => Signal::USR1,
    };
    match (client.verdict(kind, || daemon.signal(signal))?, kind) {
        (ReloadOutcome::InForce { port }, ReloadKind::Refresh) => println!("mpopd refreshed on port {port}"),
        (ReloadOutcome::InForce { .. }, ReloadKind::Config) => println!("mpopd re-read its config file"),
        (ReloadOutcome::Kept(faults), _) => {
            eprintln!("{faults}");
            return Err("the old settings stay in force".into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Has the log files opened anew.
pub(crate) fn reopen_logs(config: &Path) -> Result<ExitCode, Failure> {
    running::require(&places(config)?.pid_file)?.signal(Signal::USR2)?;
    println!("mpopd reopens its log files");
    Ok(ExitCode::SUCCESS)
}

fn places(config: &Path) -> Result<Places, Failure> {
    Ok(config::places(config, rustix::process::geteuid().as_raw())?)
}
