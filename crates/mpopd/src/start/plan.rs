//! From the configuration to what the roles need: the last step before the first fork.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use auth::Authenticator;
use config::{Config, Fault, Faults, Loaded};
use maildrop::{Boundaries, BoundaryError, Received, Unescape};
use sys::identity::User;
use vocabulary::{LockMethod, Storage, UnescapeFrom};

use crate::cli::Failure;
use crate::start::listen::{self, Wanted};
use crate::start::mail_group;
use crate::start::state::StateDir;
use crate::supervisor::child::{self, Identity};
use crate::supervisor::{self, Log, Maildrops, Plan, Program, Reload};
use auth_role::Roots;
use auth_role::UserLogs;
use maildrop_role;
use session_role::tls::{self, TlsSettings};
use session_role::{Arrivals, Limits, Offer, Proxies};
use session_role::{Listener, Security};

/// As whom mpopd-directory runs when mpopd is started by root.
const DIRECTORY_USER: &str = "mpopd-directory";

/// Checks what can be checked without serving: every file that the configuration names. Returns
/// what an administrator should know although it is no fault.
///
/// # Errors
///
/// Every fault.
pub(crate) fn check(config: &Config) -> Result<Vec<Fault>, Failure> {
    let warnings = auth::check(config)?;
    maildrop_settings(config)?;
    session_identity(config)?;
    directory(config)?;
    Ok(warnings)
}

/// Where the connections come from.
pub(crate) enum Entrance<'a> {
    /// Ports that are bound. What these sockets listen on already is taken over.
    Bind(&'a [Listener]),
    /// Sockets that listen already, and stay what they are.
    Passed(&'a [OwnedFd]),
    /// One connection.
    One(OwnedFd),
}

/// Binds the ports and opens what the roles work with.
///
/// # Errors
///
/// What is in the way, and what to do about it.
pub(crate) fn of(
    config: &Config,
    mut authenticator: Authenticator,
    entrance: Entrance<'_>,
) -> Result<Plan, Failure> {
    let session = session_identity(config)?;
    let state = StateDir::open("state_dir", &config.state_dir)?;
    let spool = match uses_spool(config) {
        true => Some(StateDir::open("mpopd_spool", &config.mpopd_spool)?),
        false => None,
    };
    let directory = directory(config)?;
    // In a process of its own: each auth process reads the lists of users for itself, and nobody else shall inherit them.
    let scram = child::try_out(|| Ok(looks_at_users(&mut authenticator)))?;
    let limits = limits(config, scram);
    let maildrops = Maildrops {
        settings: maildrop_settings(config)?,
        state,
        spool,
        users: users(config),
        roots: Roots::of(config),
        // Without it mail is served that needs no lock file of that group; the log has said so.
        mail_group: mail_group::needed(config).unwrap_or_default(),
        change_user: sys::identity::is_root(),
        login_delay: config.login_delay,
        threads: cores().max(2) * 2,
    };
    let auth_processes = match entrance {
        Entrance::One(_) => 1,
        _ => auth_processes(config),
    };
    Ok(Plan {
        // Last: what fails before leaves the ports as they are.
        arrivals: arrivals(config, entrance)?,
        tls: tls_settings(config),
        session,
        limits,
        auth_processes,
        authenticator,
        directory,
        user_logs: UserLogs::open(config)?,
        maildrops,
        metrics: None,
        log: None,
        lasting: Lasting::of(config),
    })
}

/// Listens where Prometheus asks, if the settings say so. What `present` listens on already is taken over.
///
/// # Errors
///
/// Why that is not possible.
pub(crate) fn metrics(config: &Config, present: &[Listener]) -> Result<Option<Listener>, String> {
    let Some(at) = config.metrics.listen else { return Ok(None) };
    let wanted = Wanted { addresses: &[at.ip()], ports: vec![(at.port(), Security::Plain)] };
    let bound = listen::bind(&wanted, present);
    bound.map(|bound| bound.into_iter().next()).map_err(|why| format!("metrics.listen: {why}"))
}

fn arrivals(config: &Config, entrance: Entrance<'_>) -> Result<Arrivals, String> {
    let passed = |socket: &OwnedFd| {
        let copied =
            socket.try_clone().and_then(|socket| Listener::of(socket, |port| security(config, port)));
        copied.map_err(|error| format!("a socket that was passed is of no use: {error}"))
    };
    match entrance {
        Entrance::Bind(present) => {
            let secured = config.pop3s_port.map(|port| (port, Security::Tls));
            let ports = [(config.port, Security::Plain)].into_iter().chain(secured).collect();
            listen::bind(&Wanted { addresses: &config.listen, ports }, present).map(Arrivals::Listeners)
        }
        Entrance::Passed(sockets) => {
            sockets.iter().map(passed).collect::<Result<_, _>>().map(Arrivals::Listeners)
        }
        Entrance::One(connection) => {
            let address = rustix::net::getsockname(&connection)
                .and_then(SocketAddr::try_from)
                .map_err(|error| format!("the connection has no address: {error}"))?;
            Ok(Arrivals::One(connection, security(config, address.port())))
        }
    }
}

/// How connections begin at a port that somebody else has bound.
fn security(config: &Config, port: u16) -> Security {
    if config.pop3s_port == Some(port) { Security::Tls } else { Security::Plain }
}

/// What stays as it is when the configuration is re-read while sessions go on (SIGUSR1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lasting {
    port: u16,
    listen: Vec<IpAddr>,
    pop3s_port: Option<u16>,
    user: String,
    chroot: PathBuf,
    state_dir: PathBuf,
}

impl Lasting {
    fn of(config: &Config) -> Lasting {
        Lasting {
            port: config.port,
            listen: config.listen.clone(),
            pop3s_port: config.pop3s_port,
            user: config.user.clone(),
            chroot: config.chroot.clone(),
            state_dir: config.state_dir.clone(),
        }
    }

    /// The folder of the session locks.
    pub(crate) fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Puts these settings into a configuration that was re-read, as far as `reload` cannot change them. Returns which of
    /// its settings that overrules.
    pub(crate) fn hold(&self, config: &mut Config, reload: Reload) -> Vec<&'static str> {
        let mut held = Vec::new();
        // The session locks are there: two folders would let two sessions have one maildrop.
        keep(&mut held, "state_dir", &mut config.state_dir, &self.state_dir);
        if reload == Reload::Settings {
            keep(&mut held, "port", &mut config.port, &self.port);
            keep(&mut held, "listen", &mut config.listen, &self.listen);
            keep(&mut held, "pop3s_port", &mut config.pop3s_port, &self.pop3s_port);
            keep(&mut held, "user", &mut config.user, &self.user);
            keep(&mut held, "chroot", &mut config.chroot, &self.chroot);
        }
        held
    }
}

fn keep<T: Clone + PartialEq>(held: &mut Vec<&'static str>, key: &'static str, new: &mut T, old: &T) {
    if new != old {
        old.clone_into(new);
        held.push(key);
    }
}

/// Begins to log as the configuration says. Lines wait for the log role, which the supervisor starts. With `stderr`,
/// standard error gets them, too.
///
/// # Errors
///
/// What is in the way of the queue.
pub(crate) fn start_log(config: &Config, stderr: bool) -> Result<Log, String> {
    let settings = log_settings(config, stderr);
    let lines = logging::start_to_queue(settings.level())
        .map_err(|error| format!("no queue for the log: {error}"))?;
    Ok(Log { lines, settings })
}

/// What the log role is told.
pub(crate) fn log_settings(config: &Config, stderr: bool) -> log_role::Settings {
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

fn limits(config: &Config, scram: bool) -> Limits {
    Limits {
        greeting: config.greeting.clone(),
        timeout: config.timeout,
        login_timeout: config.login_timeout,
        max_servers: usize::try_from(config.max_servers).unwrap_or(usize::MAX),
        allow_plaintext: config.allow_plaintext,
        proxies: Proxies { header: config.proxy_networks.clone(), xclient: config.xclient_networks.clone() },
        max_servers_per_ip: config.max_servers_per_ip,
        max_servers_per_user: config.max_servers_per_user,
        auth_failure_delay: config.auth_failure_delay,
        passsecret: config.passsecret,
        tls: None,
        stls: config.tls.stls,
        sasl: Offer { configured: config.sasl_mechanisms.clone(), scram, tokens: checks_tokens(config) },
        policy: Arc::new(pop3::Policy {
            implementation: config
                .implementation
                .then(|| concat!("mpopd-", env!("CARGO_PKG_VERSION")).to_owned()),
            refuse_unknown_users: config.reject_bogus_user,
            login_delay: config.login_delay.as_secs(),
            expire: config.expire,
            utf8: config.utf8,
            language: config.language,
            ..pop3::Policy::default()
        }),
    }
}

/// Whether anyone's mailbox is taken apart into the spool.
fn uses_spool(config: &Config) -> bool {
    config.user_storage.values().chain([&config.storage]).any(|storage| *storage == Storage::Disk)
}

fn users(config: &Config) -> maildrop_role::Users {
    let debug = config.user_debug.iter().filter(|(_, debug)| **debug);
    maildrop_role::Users {
        debug: debug.map(|(user, _)| user.clone()).collect(),
        received: config.addreceived.iter().cloned().collect(),
        surrogates: config.utf8,
    }
}

/// Checks the patterns of message boundaries, which the configuration takes as text.
///
/// # Errors
///
/// What is wrong with one of them, at its line.
pub(crate) fn check_boundaries(loaded: &Loaded) -> Result<(), Fault> {
    boundaries(&loaded.config).map(drop).map_err(|error| match error {
        BoundaryError::Start(why) => loaded.fault("message_start", why),
        BoundaryError::End(why) => loaded.fault("message_end", why),
    })
}

/// Checks the files of `[tls]`. A process that ends with it reads them: the supervisor, and what it forks, shall never have
/// had a key.
///
/// # Errors
///
/// Each fault of a file, at the line of the setting that names it.
pub(crate) fn check_tls(loaded: &Loaded) -> Result<(), Faults> {
    let said =
        child::try_out(|| tls::load(&tls_settings(&loaded.config)).map(|_| true)).err().unwrap_or_default();
    let fault = |line: &str| match line.split_once(": ") {
        Some((setting, what)) => loaded.fault(setting, what),
        None => loaded.fault("tls", line),
    };
    Faults::none_in(said.lines().map(fault).collect())
}

/// What the session role needs of `[tls]`.
pub(crate) fn tls_settings(config: &Config) -> TlsSettings {
    let files = config.tls.files().into_iter();
    TlsSettings {
        files: files.map(|(certificate, key)| (certificate.to_owned(), key.to_owned())).collect(),
        client_ca: config.tls.client_ca.clone(),
        minimum: config.tls.minimum,
    }
}

fn boundaries(config: &Config) -> Result<Boundaries, BoundaryError> {
    Boundaries::new(&config.message_start, &config.message_end)
}

/// The program that asks databases, LDAP and OAuth servers; `None` if the settings name none. It has been tried out.
fn directory(config: &Config) -> Result<Option<Program>, String> {
    let Some(setup) = auth::directory_setup(config) else { return Ok(None) };
    let identity = match sys::identity::is_root() {
        true => {
            let User { uid, gid, .. } =
                powerless_user("mpopd-directory, for [sql], [ldap] and [oauth]", DIRECTORY_USER)?;
            Identity::User { uid, gid, file_group: None, chroot: None }
        }
        false => Identity::Unchanged,
    };
    let program = Program::new(supervisor::beside_this_program()?, identity, setup)?;
    program.try_out()?;
    Ok(Some(program))
}

fn checks_tokens(config: &Config) -> bool {
    auth::directory_setup(config).is_some_and(|setup| setup.oauth.is_some())
}

fn maildrop_settings(config: &Config) -> Result<maildrop::Settings, Failure> {
    Ok(maildrop::Settings {
        boundaries: boundaries(config).map_err(|error| error.to_string())?,
        unescape_from: match config.unescape_from {
            UnescapeFrom::None => Unescape::None,
            UnescapeFrom::Mboxo => Unescape::Mboxo,
            UnescapeFrom::Mboxrd => Unescape::Mboxrd,
        },
        received: (!config.addreceived.is_empty()).then(|| received(config)),
        max_messages: config.max_messages,
        lock_methods: config
            .lock_methods
            .iter()
            .map(|method| match method {
                LockMethod::Dotlock => maildrop::LockMethod::Dotlock,
                LockMethod::Fcntl => maildrop::LockMethod::Fcntl,
                LockMethod::Flock => maildrop::LockMethod::Flock,
            })
            .collect(),
        retry_on_lock: config.retry_on_lock,
        status_header: config.status_header,
        stale_lock: config.stale_lock,
        uidl: maildrop::UidlScheme::parse(&config.uidl).map_err(|error| format!("uidl: {error}"))?,
        ..maildrop::Settings::default()
    })
}

fn received(config: &Config) -> Received {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let from = config.receivedfrom.clone().unwrap_or_else(|| host.clone());
    Received { from, by: host, zone: config.timezone }
}

/// As root, the session role becomes the configured user in its empty folder.
fn session_identity(config: &Config) -> Result<Identity, String> {
    if !sys::identity::is_root() {
        return Ok(Identity::Unchanged);
    }
    let user = powerless_user("user", &config.user)?;
    let chroot = &config.chroot;
    if let Err(error) = std::fs::create_dir_all(chroot) {
        return Err(format!("chroot: {} cannot be made: {error}", chroot.display()));
    }
    match std::fs::read_dir(chroot).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => return Err(format!("chroot: {} is not empty", chroot.display())),
        Err(error) => return Err(format!("chroot: {}: {error}", chroot.display())),
    }
    Ok(Identity::User { uid: user.uid, gid: user.gid, file_group: None, chroot: Some(chroot.clone()) })
}

/// The user `name`, who must not be root. `what` says in an error who should be that.
fn powerless_user(what: &str, name: &str) -> Result<User, String> {
    match sys::identity::user_by_name(name) {
        Ok(Some(user)) if user.uid != 0 => Ok(user),
        Ok(Some(_)) => Err(format!("{what}: {name} is root, who must not run this")),
        Ok(None) => Err(format!(
            "{what}: there is no user {name}; make one (useradd --system --no-create-home {name}) or name another"
        )),
        Err(error) => Err(format!("{what}: {name} cannot be looked up: {error}")),
    }
}

/// What the configuration says of who may log in. No list of users is read yet.
///
/// # Errors
///
/// Every fault of the settings and of the access rules.
pub(crate) fn authenticator(config: &Config) -> Result<Authenticator, String> {
    Authenticator::new(config).map_err(|error| error.to_string())
}

/// Reads the lists of users and logs what is wrong with them: one wrong line must not keep all others from their mail, it is left out.
/// Returns whether SCRAM is of use to all of them.
fn looks_at_users(authenticator: &mut Authenticator) -> bool {
    authenticator.warm();
    for remark in authenticator.take_remarks() {
        tracing::warn!("{remark}");
    }
    authenticator.scram_fits()
}
