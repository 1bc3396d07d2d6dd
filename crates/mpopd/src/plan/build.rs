//! Builds the plan from the configuration: binds the ports and opens what the roles work with.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use auth::Authenticator;
use auth_role::{MailRoots, UserLogs};
use config::{Config, Fault};
use session_role::{Arrivals, Listener, Security};

use super::directory_program::DirectoryProgram;
use super::listen::{self, Wanted};
use super::state_dir::StateDir;
use super::{FixedSettings, LogPlan, MaildropPlan, Plan, identity, mail_group, maildrop, session, tls};
use crate::error::{SettingError, StartError};
use crate::process::child;

/// Where the connections come from.
pub(crate) enum Entrance<'a> {
    /// Ports to bind.
    Bind,
    /// Sockets that already listen, and stay what they are.
    Passed(&'a [OwnedFd]),
    /// One connection.
    One(OwnedFd),
}

/// Checks what can be checked without serving: every file that the configuration names. Returns what an
/// administrator should know although it is no error.
///
/// # Errors
///
/// Everything that is wrong.
pub(crate) fn check(config: &Config) -> Result<Vec<Fault>, StartError> {
    let warnings = auth::check(config)?;
    maildrop::settings(config)?;
    identity::of_session(config)?;
    DirectoryProgram::needed(config)?;
    Ok(warnings)
}

/// Builds the plan. Sockets in `present` that already listen on a wanted address are taken over. With
/// `stderr` the log goes to standard error, too.
///
/// # Errors
///
/// What is in the way, and what to do about it. Nothing has changed then.
pub(crate) fn build(
    config: &Config,
    mut authenticator: Authenticator,
    entrance: Entrance<'_>,
    present: &[Listener],
    stderr: bool,
) -> Result<Plan, StartError> {
    let session_identity = identity::of_session(config)?;
    let state = StateDir::open("state_dir", &config.state_dir)?;
    let spool = match maildrop::uses_spool(config) {
        true => Some(StateDir::open("mpopd_spool", &config.mpopd_spool)?),
        false => None,
    };
    let directory = DirectoryProgram::needed(config)?;
    // In a process of its own: each auth process reads the user lists for itself, and no other may inherit
    // them.
    let scram = child::try_out(|| Ok::<_, StartError>(check_users(&mut authenticator)))?;
    let auth_processes = match entrance {
        Entrance::One(_) => 1,
        Entrance::Bind | Entrance::Passed(_) => auth_processes(config),
    };
    let user_logs = user_logs(config)?;
    let maildrops = MaildropPlan {
        settings: maildrop::settings(config)?,
        state,
        spool,
        users: maildrop::users(config),
        roots: MailRoots::of(config),
        // Without it, mail is served that needs no lock file of that group; the log has said so.
        mail_group: mail_group::needed(config).unwrap_or_default(),
        change_user: sys::identity::is_root(),
        login_delay: config.login_delay,
        threads: cores().max(2) * 2,
    };
    // Ports come last: an error before this leaves them as they are.
    let metrics = match entrance {
        // A server of one connection has no metrics.
        Entrance::One(_) => None,
        Entrance::Bind | Entrance::Passed(_) => metrics(config, present)?,
    };
    Ok(Plan {
        tls: tls::settings(config),
        session_identity,
        session: session::settings(config, scram),
        auth_processes,
        authenticator,
        directory,
        user_logs,
        maildrops,
        log: log_settings(config, stderr),
        fixed: FixedSettings::of(config),
        metrics,
        arrivals: arrivals(config, entrance, present)?,
    })
}

/// Starts to log as the configuration says. Lines wait for the log role, which the supervisor starts. With
/// `stderr`, standard error gets them, too.
///
/// # Errors
///
/// There is no queue to be had.
pub(crate) fn start_log(config: &Config, stderr: bool) -> Result<LogPlan, StartError> {
    let settings = log_settings(config, stderr);
    let lines =
        logging::start_to_queue(settings.level()).map_err(StartError::system("no queue for the log"))?;
    Ok(LogPlan { lines, settings })
}

/// What the configuration says about who may log in. No user list is read yet.
///
/// # Errors
///
/// Everything that is wrong with the settings and the access rules.
pub(crate) fn authenticator(config: &Config) -> Result<Authenticator, StartError> {
    Authenticator::new(config).map_err(StartError::Users)
}

/// Listens where Prometheus asks for metrics, if the settings say so.
fn metrics(config: &Config, present: &[Listener]) -> Result<Option<Listener>, SettingError> {
    let Some(at) = config.metrics.listen else { return Ok(None) };
    let wanted = Wanted { addresses: &[at.ip()], ports: vec![(at.port(), Security::Plain)] };
    let bound = listen::bind(&wanted, present)
        .map_err(|error| SettingError::new("metrics.listen", error.to_string()))?;
    Ok(bound.into_iter().next())
}

fn arrivals(config: &Config, entrance: Entrance<'_>, present: &[Listener]) -> Result<Arrivals, StartError> {
    let of_no_use = |error: &dyn std::fmt::Display| {
        StartError::Caller(format!("a socket that was passed is of no use: {error}"))
    };
    match entrance {
        Entrance::Bind => {
            let secured = config.pop3s_port.map(|port| (port, Security::Tls));
            let ports = [(config.port, Security::Plain)].into_iter().chain(secured).collect();
            let bound = listen::bind(&Wanted { addresses: &config.listen, ports }, present)?;
            Ok(Arrivals::Listeners(bound))
        }
        Entrance::Passed(sockets) => {
            let listener = |socket: &OwnedFd| {
                let copied = socket.try_clone();
                let listener = copied.and_then(|socket| Listener::of(socket, |port| security(config, port)));
                listener.map_err(|error| of_no_use(&error))
            };
            Ok(Arrivals::Listeners(sockets.iter().map(listener).collect::<Result<_, _>>()?))
        }
        Entrance::One(connection) => {
            let address = rustix::net::getsockname(&connection)
                .and_then(SocketAddr::try_from)
                .map_err(|error| StartError::Caller(format!("the connection has no address: {error}")))?;
            Ok(Arrivals::One(connection, security(config, address.port())))
        }
    }
}

/// How connections begin at a port that another program has bound.
fn security(config: &Config, port: u16) -> Security {
    if config.pop3s_port == Some(port) { Security::Tls } else { Security::Plain }
}

/// Reads the user lists and logs what is wrong with them: one wrong line must not keep all others from their
/// mail, so it is left out. Returns whether SCRAM can check every user's password.
fn check_users(authenticator: &mut Authenticator) -> bool {
    authenticator.warm();
    for remark in authenticator.take_remarks() {
        tracing::warn!("{remark}");
    }
    authenticator.scram_fits()
}

fn user_logs(config: &Config) -> Result<UserLogs, StartError> {
    UserLogs::open(config).map_err(|error| StartError::Role(error.to_string()))
}

fn log_settings(config: &Config, stderr: bool) -> log_role::Settings {
    let (target, level, format) = (config.debug_log.clone(), config.log_level, config.log_format);
    log_role::Settings { target, level, format, stderr }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Twice the cores, at least 4: a login that waits for a disk or a name server must not hold up the next.
fn auth_processes(config: &Config) -> usize {
    match config.auth_processes {
        0 => (cores() * 2).max(4),
        set => usize::from(set),
    }
}
