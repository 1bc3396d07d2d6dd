//! `mpopd` without a subcommand: from the command line to the supervisor.

use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::path::Path;

use config::Config;
use session_role::{Listener, Security};
use sys::pid_file::PidFile;

use super::detach::{self, Detached};
use super::passed::{self, PassedSockets};
use crate::error::{SettingError, StartError};
use crate::options::DaemonOptions;
use crate::plan::build::{self, Entrance};
use crate::plan::settings_file::{SettingsFile, UsableSettings};
use crate::plan::{LogPlan, Plan};
use crate::supervisor::control_socket::ControlSocket;
use crate::supervisor::handover::Inherited;
use crate::supervisor::notifier::Notifier;
use crate::supervisor::service_manager::ServiceManager;
use crate::supervisor::startup_report::StartupReport;
use crate::supervisor::{self, DaemonResources};

/// Serves, or only looks at the configuration. Returns the exit status.
pub(crate) fn run(options: &DaemonOptions) -> Result<i32, StartError> {
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
        PassedSockets::Nothing => start(file, options.foreground),
        PassedSockets::Listening(sockets) => start(file.with_sockets(sockets), options.foreground),
        PassedSockets::Connection(connection) => serve_one(&file, connection),
    }
}

/// Starts a daemon.
fn start(file: SettingsFile, foreground: bool) -> Result<i32, StartError> {
    let (config, log) = settings(&file, foreground)?;
    // Before the ports are bound: a second mpopd should learn that the first one runs, not that a port is in
    // use.
    let pid_file = take_pid_file(&config.mpopd_pid_file)?;
    let (plan, control) = match prepare(&file, &config) {
        Ok(prepared) => prepared,
        Err(error) => {
            pid_file.remove();
            return Err(error);
        }
    };
    // No process forked from here on may inherit the passwords of databases: the plan has them in sealed
    // memory.
    drop(config);
    let starter = match foreground {
        true => None,
        false => match detach::detach().map_err(StartError::system("cannot detach"))? {
            Detached::Daemon(report) => Some(report),
            Detached::Caller(Ok(())) => return Ok(0),
            Detached::Caller(Err(not_serving)) => return Err(StartError::Role(not_serving.to_string())),
        },
    };
    serve(plan, file, OpenResources { log, control, pid_file, starter })
}

/// Takes over from the mpopd that started this one.
fn succeed(file: SettingsFile, inherited: Inherited) -> Result<i32, StartError> {
    let Inherited { listeners, control, pid_file, starter, state_dir } = inherited;
    match prepare_successor(&file, listeners, control, pid_file, &state_dir) {
        Ok((plan, log, control, pid_file)) => {
            serve(plan, file, OpenResources { log, control, pid_file, starter: Some(starter) })
        }
        Err(error) => {
            starter.failed(&error.to_string());
            Err(error)
        }
    }
}

/// What a daemon has opened beside its plan.
struct OpenResources {
    log: LogPlan,
    control: ControlSocket,
    pid_file: PidFile,
    starter: Option<StartupReport>,
}

fn serve(plan: Plan, file: SettingsFile, open: OpenResources) -> Result<i32, StartError> {
    for listener in plan.arrivals.listeners() {
        tracing::info!("listening on {}", listener.address);
    }
    let OpenResources { log, control, pid_file, starter } = open;
    let notifier =
        Notifier { starter, manager: ServiceManager::from_environment(), pid_file: Some(pid_file) };
    let resources = DaemonResources { file: Some(file), notifier, control: Some(control), log: Some(log) };
    supervisor::run(plan, resources)
}

fn prepare(file: &SettingsFile, config: &Config) -> Result<(Plan, ControlSocket), StartError> {
    let plan = file.plan(config, &[])?;
    Ok((plan, ControlSocket::bind(&config.control_socket)?))
}

fn prepare_successor(
    file: &SettingsFile,
    listeners: Vec<OwnedFd>,
    control: OwnedFd,
    pid_file: OwnedFd,
    state_dir: &Path,
) -> Result<(Plan, LogPlan, ControlSocket, PidFile), StartError> {
    let (mut config, log) = settings(file, file.has_stderr())?;
    if config.state_dir != state_dir {
        tracing::warn!("state_dir: stays as it is until mpopd is stopped and started again");
        config.state_dir = state_dir.to_owned();
    }
    let control = ControlSocket::inherited(&config.control_socket, control)?;
    let pid_file = PidFile::inherited(config.mpopd_pid_file.clone(), pid_file);
    let present = listeners.into_iter().map(|socket| Listener::of(socket, |_| Security::Plain));
    let present: Vec<_> = present
        .collect::<io::Result<_>>()
        .map_err(|error| StartError::Caller(format!("a listening socket of the old mpopd: {error}")))?;
    let plan = file.plan(&config, &present)?;
    Ok((plan, log, control, pid_file))
}

/// Serves one client for a program that listens itself: inetd, or systemd with `Accept=yes`.
fn serve_one(file: &SettingsFile, connection: OwnedFd) -> Result<i32, StartError> {
    let client = connection.try_clone().map_err(StartError::system("the connection cannot be used"))?;
    let client = TcpStream::from(client);
    let prepared = settings(file, false).and_then(|(config, log)| {
        let authenticator = build::authenticator(&config)?;
        Ok((build::build(&config, authenticator, Entrance::One(connection), &[], false)?, log))
    });
    let (plan, log) = prepared.inspect_err(|_| {
        let _ = (&client)
            .write_all(b"-ERR [SYS/TEMP] this server is not set up, please tell its administrator\r\n");
    })?;
    drop(client);
    supervisor::run(plan, DaemonResources { log: Some(log), ..DaemonResources::default() })
}

/// Reads the settings, and starts to log as they say.
fn settings(file: &SettingsFile, stderr: bool) -> Result<(Config, LogPlan), StartError> {
    let UsableSettings { config, remarks } = file.settings()?;
    let log = build::start_log(&config, stderr)?;
    for remark in remarks {
        tracing::warn!("{remark}");
        if !stderr {
            // For an administrator who starts a daemon by hand.
            eprintln!("{remark}");
        }
    }
    Ok((config, log))
}

fn check(file: &SettingsFile) -> Result<i32, StartError> {
    let settings = file.settings()?;
    let warnings = build::check(&settings.config)?;
    settings.remarks.iter().for_each(|remark| eprintln!("{remark}"));
    warnings.iter().for_each(|warning| eprintln!("{warning}"));
    println!("{}: no faults", file.path().display());
    Ok(0)
}

fn take_pid_file(path: &Path) -> Result<PidFile, SettingError> {
    PidFile::take(path).map_err(|error| {
        let problem = match error.kind() {
            io::ErrorKind::WouldBlock => "the mpopd that has it is still running".to_owned(),
            _ => format!("{error}; make its folder, or name another file"),
        };
        SettingError::new("mpopd_pid_file", format!("{}: {problem}", path.display()))
    })
}
