//! `mpopdctl refresh`, `config` and `reopen-logs`: the commands that send a signal.

use std::path::Path;
use std::process::ExitCode;

use config::Places;
use ipc::control::{ReloadKind, ReloadOutcome};
use rustix::process::Signal;

use crate::client::DaemonClient;
use crate::error::CtlError;
use crate::running;

/// Reloads the configuration and waits for the result.
pub(crate) fn run(config: &Path, kind: ReloadKind) -> Result<ExitCode, CtlError> {
    let Places { pid_file, control_socket } = places(config)?;
    let daemon = running::require(&pid_file)?;
    let client = DaemonClient::connect(&control_socket).map_err(|failure| {
        format!(
            "mpopd runs, process {}, but cannot be asked for the result: {failure}",
            daemon.pid.as_raw_nonzero()
        )
    })?;
    let signal = match kind {
        ReloadKind::Refresh => Signal::HUP,
        ReloadKind::Config => Signal::USR1,
    };
    match (client.await_reload(kind, || daemon.signal(signal))?, kind) {
        (ReloadOutcome::InForce { port }, ReloadKind::Refresh) => println!("mpopd refreshed on port {port}"),
        (ReloadOutcome::InForce { .. }, ReloadKind::Config) => println!("mpopd re-read its config file"),
        (ReloadOutcome::Kept(faults), _) => {
            eprintln!("{faults}");
            return Err("the old settings stay in force".into());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reopens the log files.
pub(crate) fn reopen_logs(config: &Path) -> Result<ExitCode, CtlError> {
    running::require(&places(config)?.pid_file)?.signal(Signal::USR2)?;
    println!("mpopd reopens its log files");
    Ok(ExitCode::SUCCESS)
}

fn places(config: &Path) -> Result<Places, CtlError> {
    Ok(config::places(config, rustix::process::geteuid().as_raw())?)
}
