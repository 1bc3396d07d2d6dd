//! Reports how the server is doing: to the process that started it, to the service manager, and in the pid
//! file.

use std::time::Instant;

use sys::pid_file::PidFile;

use super::service_manager::ServiceManager;
use super::startup_report::StartupReport;

/// The receivers of the reports. `mpopd try` and a server of one connection have none.
#[derive(Default)]
pub(crate) struct Notifier {
    /// To the process that waits until the daemon serves.
    pub(crate) starter: Option<StartupReport>,
    /// systemd, or another manager that uses its protocol.
    pub(crate) manager: Option<ServiceManager>,
    /// Held from before the ports were bound.
    pub(crate) pid_file: Option<PidFile>,
}

impl Notifier {
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

    /// It was re-read, or could not be; either way the server serves on this port.
    pub(crate) fn reloaded(&mut self, port: u16) {
        self.serving(port);
    }

    /// The server ends.
    pub(crate) fn stopping(&mut self) {
        if let Some(manager) = &self.manager {
            manager.stopping();
        }
    }

    /// Resets the service manager's watchdog. Must be called in each turn of the supervisor's loop.
    pub(crate) fn alive(&mut self, now: Instant) {
        if let Some(manager) = &mut self.manager {
            manager.alive(now);
        }
    }

    /// When [`Notifier::alive`] must be called at the latest.
    pub(crate) fn next_alive(&self) -> Option<Instant> {
        self.manager.as_ref().and_then(ServiceManager::next_alive)
    }

    /// The server does not serve after all, and this is why.
    pub(crate) fn failed(&mut self, why: &str) {
        if let Some(starter) = self.starter.take() {
            starter.failed(why);
        }
    }

    /// The process `pid` has taken over and serves. This process has nothing more to report.
    pub(crate) fn succeeded_by(&mut self, pid: u32) {
        if let Some(manager) = self.manager.take() {
            manager.succeeded_by(pid);
        }
        // Not removed: it belongs to the successor.
        self.pid_file = None;
    }

    /// The last report: all processes have ended.
    pub(crate) fn ended(self) {
        if let Some(pid_file) = self.pid_file {
            pid_file.remove();
        }
    }

    fn serving(&mut self, port: u16) {
        if let Some(pid_file) = &mut self.pid_file
            && let Err(error) = pid_file.write(port)
        {
            // The server still works, and the lock still shows that it is running.
            tracing::error!("mpopd_pid_file: {}: {error}", pid_file.path().display());
        }
        if let Some(manager) = &self.manager {
            manager.ready(port);
        }
    }
}
