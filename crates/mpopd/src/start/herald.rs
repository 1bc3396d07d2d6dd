//! Who is told how the server is doing: the process that started it, the service manager, and the readers of the pid file.

use std::time::Instant;

use sys::pid_file::PidFile;

use crate::start::detach::Starter;
use crate::start::service_manager::ServiceManager;

/// Each of them, where there is one. `mpopd try` and a server of one connection have none.
#[derive(Default)]
pub(crate) struct Herald {
    /// The process that waits until the daemon serves.
    pub(crate) starter: Option<Starter>,
    /// systemd, or what speaks its protocol.
    pub(crate) manager: Option<ServiceManager>,
    /// Held from before the ports were bound.
    pub(crate) pid_file: Option<PidFile>,
}

impl Herald {
    /// Connections are accepted for the first time.
    pub(crate) fn ready(&mut self, port: u16) {
        self.serving(port);
        if let Some(starter) = self.starter.take() {
            starter.ready();
        }
    }

    /// The configuration is being re-read.
    pub(crate) fn reloading(&mut self) {
        if let Some(manager) = &self.manager {
            manager.reloading();
        }
    }

    /// It was re-read, or could not be: either way it serves, on this port.
    pub(crate) fn reloaded(&mut self, port: u16) {
        self.serving(port);
    }

    /// It ends.
    pub(crate) fn stopping(&mut self) {
        if let Some(manager) = &self.manager {
            manager.stopping();
        }
    }

    /// To be called each time the supervisor comes round: the service manager's watchdog learns that it does.
    pub(crate) fn alive(&mut self, now: Instant) {
        if let Some(manager) = &mut self.manager {
            manager.alive(now);
        }
    }

    /// When [`Herald::alive`] is to be called at the latest.
    pub(crate) fn next_alive(&self) -> Option<Instant> {
        self.manager.as_ref().and_then(ServiceManager::next_alive)
    }

    /// It does not serve after all, and this is why.
    pub(crate) fn failed(&mut self, why: &str) {
        if let Some(starter) = self.starter.take() {
            starter.failed(why);
        }
    }

    /// This process has taken over: it serves in place of this one, which has nothing to announce any more.
    pub(crate) fn succeeded_by(&mut self, pid: u32) {
        if let Some(manager) = self.manager.take() {
            manager.succeeded_by(pid);
        }
        // Not removed: it is the successor's.
        self.pid_file = None;
    }

    /// The last word: nothing of the server is left.
    pub(crate) fn ended(self) {
        if let Some(pid_file) = self.pid_file {
            pid_file.remove();
        }
    }

    fn serving(&mut self, port: u16) {
        if let Some(pid_file) = &mut self.pid_file
            && let Err(error) = pid_file.write(port)
        {
            // It serves all the same, and is still told by the lock.
            tracing::error!("mpopd_pid_file: {}: {error}", pid_file.path().display());
        }
        if let Some(manager) = &self.manager {
            manager.ready(port);
        }
    }
}
