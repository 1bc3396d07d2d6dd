//! Notifies the service manager (sd_notify(3)): one datagram for each change, to the socket that
//! `NOTIFY_SOCKET` names.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The service manager that started this process.
pub(crate) struct ServiceManager {
    socket: UnixDatagram,
    address: SocketAddr,
    watchdog: Option<Watchdog>,
}

/// The service manager ends a service from which it hears nothing for a while.
struct Watchdog {
    /// Half of that time, as sd_watchdog_enabled(3) advises.
    interval: Duration,
    next: Instant,
}

impl ServiceManager {
    /// From the environment; `None` if no service manager wants notifications.
    pub(crate) fn from_environment() -> Option<Self> {
        let name = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let made = address(&name).and_then(|address| Ok((UnixDatagram::unbound()?, address)));
        match made {
            Ok((socket, address)) => {
                // The supervisor never waits.
                let _ = socket.set_nonblocking(true);
                Some(Self { socket, address, watchdog: Watchdog::from_environment() })
            }
            Err(error) => {
                tracing::warn!("NOTIFY_SOCKET {}: {error}", name.display());
                None
            }
        }
    }

    /// The server serves on this port.
    pub(crate) fn ready(&self, port: u16) {
        self.tell(&format!("READY=1\nMAINPID={}\nSTATUS=serving POP3 on port {port}", std::process::id()));
    }

    /// The configuration is being re-read; [`ServiceManager::ready`] follows.
    pub(crate) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1000;
        self.tell(&format!(
            "RELOADING=1\nMONOTONIC_USEC={microseconds}\nSTATUS=re-reading the configuration"
        ));
    }

    /// Another process serves from now on.
    pub(crate) fn succeeded_by(&self, pid: u32) {
        self.tell(&format!("MAINPID={pid}"));
    }

    /// The server ends.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=closing the sessions");
    }

    /// The supervisor's loop comes round.
    pub(crate) fn alive(&mut self, now: Instant) {
        if let Some(watchdog) = self.watchdog.as_mut().filter(|watchdog| watchdog.next <= now) {
            watchdog.next = now + watchdog.interval;
            self.tell("WATCHDOG=1");
        }
    }

    /// When [`ServiceManager::alive`] must be called next.
    pub(crate) fn next_alive(&self) -> Option<Instant> {
        self.watchdog.as_ref().map(|watchdog| watchdog.next)
    }

    fn tell(&self, what: &str) {
        if let Err(error) = self.socket.send_to_addr(what.as_bytes(), &self.address) {
            tracing::debug!("the service manager cannot be notified: {error}");
        }
    }
}

impl Watchdog {
    fn from_environment() -> Option<Self> {
        let variable = |name| env::var(name).ok();
        // The time is for one process, which may not be this one (exec in a script).
        if variable("WATCHDOG_PID").is_some_and(|pid| pid != std::process::id().to_string()) {
            return None;
        }
        let microseconds: u64 = variable("WATCHDOG_USEC")?.parse().ok().filter(|time| *time > 0)?;
        Some(Self { interval: Duration::from_micros(microseconds) / 2, next: Instant::now() })
    }
}

/// A path, or with `@` in front a name in the abstract namespace (unix(7)).
fn address(name: &OsStr) -> std::io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(std::io::Error::other("is no absolute path and no abstract name")),
    }
}
