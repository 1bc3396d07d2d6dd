//! `mpopd` without a subcommand: from the command line to the supervisor.

use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;

use config::Config;
use sys::pid_file::PidFile;

use crate::cli::{self, Failure};
use crate::start::control_socket::ControlSocket;
use crate::start::detach::{self, Detached, Starter};
use crate::start::handover::Inherited;
use crate::start::herald::Herald;
use crate::start::passed::{self, Passed};
use crate::start::plan::{self, Entrance};
use crate::start::service_manager::ServiceManager;
use crate::start::settings_file::{Settings, SettingsFile};
use crate::supervisor::{self, Log, Plan, Surroundings};
use session_role::{Listener, Security};

/// Serves, or only looks at the configuration. Returns the exit status.
pub(crate) fn run(options: &cli::Daemon) -> Result<i32, Failure> {
    let file = SettingsFile::new(&options.config, options.port, options.foreground)?;
    if options.print_config {
        let loaded = file.load()?;
        print!("{}", loaded.config.to_toml());
        return Ok(0);
    }
    if options.test {
        return check(&file);
    }
    if let Some(inherited) = Inherited::from_environment()? {
        return succeed(file, inherited);
    }
    match passed::sockets(options.inetd, !options.foreground)? {
        Passed::Nothing => start(file, options.foreground),
        Passed::Listening(sockets) => start(file.with_sockets(sockets), options.foreground),
        Passed::Connection(connection) => serve_one(&file, connection),
    }
}

/// Serves whoever connects.
fn start(file: SettingsFile, foreground: bool) -> Result<i32, Failure> {
    let (config, log) = settings(&file, foreground)?;
    // Before the ports are bound: who is second shall learn that it is, and not that a port is in use.
    let pid_file = take_pid_file(&config.mpopd_pid_file)?;
    let (plan, control) = match prepare(&file, &config) {
        Ok(prepared) => prepared,
        Err(failure) => {
            pid_file.remove();
            return Err(failure);
        }
    };
    // What is forked from here on shall not inherit the passwords of databases: the plan has them in sealed memory.
    drop(config);
    let starter = match foreground {
        true => None,
        false => match detach::detach().map_err(|error| format!("cannot detach: {error}"))? {
            Detached::Daemon(starter) => Some(starter),
            Detached::Caller(told) => return Ok(told.map(|()| 0)?),
        },
    };
    serve(plan, file, Held { log, control, pid_file, starter })
}

/// Takes over from the mpopd that started this one.
fn succeed(file: SettingsFile, inherited: Inherited) -> Result<i32, Failure> {
    let Inherited { listeners, control, pid_file, starter, state_dir } = inherited;
    let prepared = prepare_successor(file, listeners, control, pid_file, &state_dir);
    match prepared {
        Ok((plan, file, log, control, pid_file)) => {
            serve(plan, file, Held { log, control, pid_file, starter: Some(starter) })
        }
        Err(failure) => {
            starter.failed(&failure.to_string());
            Err(failure)
        }
    }
}

/// What a daemon has beside its plan.
struct Held {
    log: Log,
    control: ControlSocket,
    pid_file: PidFile,
    starter: Option<Starter>,
}

fn serve(plan: Plan, file: SettingsFile, held: Held) -> Result<i32, Failure> {
    for listener in plan.arrivals.listeners() {
        tracing::info!("listening on {}", listener.address);
    }
    let Held { log, control, pid_file, starter } = held;
    let herald = Herald { starter, manager: ServiceManager::from_environment(), pid_file: Some(pid_file) };
    let surroundings = Surroundings { file: Some(file), herald, control: Some(control), log: Some(log) };
    Ok(supervisor::run(plan, surroundings)?)
}

fn prepare(file: &SettingsFile, config: &Config) -> Result<(Plan, ControlSocket), Failure> {
    let plan = file.plan(config, &[])?;
    Ok((plan, ControlSocket::bind(&config.control_socket)?))
}

fn prepare_successor(
    file: SettingsFile,
    listeners: Vec<OwnedFd>,
    control: OwnedFd,
    pid_file: OwnedFd,
    state_dir: &Path,
) -> Result<(Plan, SettingsFile, Log, ControlSocket, PidFile), Failure> {
    let (mut config, log) = settings(&file, file.has_stderr())?;
    if config.state_dir != state_dir {
        tracing::warn!("state_dir: stays as it is until mpopd is stopped and started again");
        config.state_dir = state_dir.to_owned();
    }
    let control = ControlSocket::inherited(&config.control_socket, control)?;
    let pid_file = PidFile::inherited(config.mpopd_pid_file.clone(), pid_file);
    let present = listeners.into_iter().map(|socket| Listener::of(socket, |_| Security::Plain));
    let present: Vec<_> = present.collect::<io::Result<_>>().map_err(|error| error.to_string())?;
    let plan = file.plan(&config, &present)?;
    Ok((plan, file, log, control, pid_file))
}

/// Serves one client, for somebody else who listens.
fn serve_one(file: &SettingsFile, connection: OwnedFd) -> Result<i32, Failure> {
    let client = TcpStream::from(connection.try_clone().map_err(|error| error.to_string())?);
    let prepared = settings(file, false).and_then(|(config, log)| {
        let authenticator = plan::authenticator(&config)?;
        Ok((plan::of(&config, authenticator, Entrance::One(connection))?, log))
    });
    let (plan, log) = prepared.inspect_err(|_| {
        let _ = (&client)
            .write_all(b"-ERR [SYS/TEMP] this server is not set up, please tell its administrator\r\n");
    })?;
    drop(client);
    Ok(supervisor::run(plan, Surroundings { log: Some(log), ..Surroundings::default() })?)
}

/// Reads the settings, and begins to log by them.
fn settings(file: &SettingsFile, stderr: bool) -> Result<(Config, Log), Failure> {
    let Settings { config, remarks } = file.settings()?;
    let log = plan::start_log(&config, stderr)?;
    for remark in remarks {
        tracing::warn!("{remark}");
        if !stderr {
            // For whoever starts a daemon by hand.
            eprintln!("{remark}");
        }
    }
    Ok((config, log))
}

fn check(file: &SettingsFile) -> Result<i32, Failure> {
    let settings = file.settings()?;
    let warnings = plan::check(&settings.config)?;
    settings.remarks.iter().for_each(|remark| eprintln!("{remark}"));
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    println!("{}: no faults", file.path().display());
    Ok(0)
}

fn take_pid_file(path: &Path) -> Result<PidFile, Failure> {
    PidFile::take(path).map_err(|error| {
        let path = path.display();
        Failure::Other(match error.kind() {
            io::ErrorKind::WouldBlock => {
                format!("mpopd_pid_file: {path}: the mpopd that has it is still running")
            }
            _ => format!("mpopd_pid_file: {path}: {error}; make its folder, or name another file"),
        })
    })
}
