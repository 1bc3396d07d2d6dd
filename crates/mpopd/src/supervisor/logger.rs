//! The log role as the supervisor sees it: started first, asked to reopen its file, and ended last.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use ipc::log::ToLog;
use ipc::send;
use ipc::steer::Restarts;
use ipc::wire::Wait;
use rustix::process::Pid;
use sys::process::ProcessEnd;
use sys::seqpacket;
use vocabulary::LogTarget;

use super::restart::Restart;
use crate::plan::LogPlan;
use crate::process::child::{self, Identity, ProcessRole};
use crate::process::sandbox;

pub(super) struct LogRole {
    plan: LogPlan,
    running: Option<LogProcess>,
    restart: Restart,
}

struct LogProcess {
    pid: Pid,
    /// Closing it ends the process, after it has written what is in the queue.
    orders: Option<OwnedFd>,
}

impl LogRole {
    pub(super) fn new(plan: LogPlan, now: Instant) -> Self {
        Self { plan, running: None, restart: Restart::new(now) }
    }

    /// When to start it; `None` while it runs.
    pub(super) fn next_start(&self) -> Option<Instant> {
        self.running.is_none().then(|| self.restart.due())
    }

    /// Starts it if it is not running and is due.
    pub(super) fn start_due(&mut self, now: Instant) {
        if self.next_start().is_none_or(|due| now < due) {
            return;
        }
        self.restart.started(now);
        match start(&self.plan) {
            Ok(running) => self.running = Some(running),
            Err(error) => {
                tracing::error!("log cannot be started: {error}");
                self.restart.ended(now);
            }
        }
    }

    /// Applies these settings from now on, and returns the previous ones. This process and those that it
    /// forks do so at once; the role that writes is replaced when it has written what is in the queue.
    pub(super) fn change(&mut self, settings: log_role::Settings) -> log_role::Settings {
        logging::set_level(settings.level());
        if settings != self.plan.settings {
            self.finish();
        }
        std::mem::replace(&mut self.plan.settings, settings)
    }

    /// The log file was renamed.
    pub(super) fn reopen(&self) {
        if let Some(LogProcess { orders: Some(orders), .. }) = &self.running
            && let Err(error) = send(orders, &ToLog::Reopen, &[], Wait::No)
        {
            tracing::error!("the log role takes no orders: {error}");
        }
    }

    /// Lets it write what is in the queue and end.
    pub(super) fn finish(&mut self) {
        if let Some(running) = &mut self.running {
            running.orders = None;
        }
    }

    /// Records that a process ended, and counts a restart unless it was asked to end. Returns whether it was
    /// this role.
    pub(super) fn ended(
        &mut self,
        pid: Pid,
        ending: ProcessEnd,
        restarts: &mut Restarts,
        now: Instant,
    ) -> bool {
        match self.running.take_if(|running| running.pid == pid) {
            Some(LogProcess { orders: Some(_), .. }) => {
                restarts.log += 1;
                self.restart.ended(now);
                tracing::error!("log ended with {ending}; it is restarted");
                true
            }
            Some(_) => true,
            None => false,
        }
    }

    /// The process, until it has ended.
    pub(super) fn pids(&self) -> Vec<Pid> {
        self.running.iter().map(|running| running.pid).collect()
    }
}

fn start(plan: &LogPlan) -> io::Result<LogProcess> {
    let (ours, theirs) = seqpacket::pair()?;
    let keep = [plan.lines.as_fd(), theirs.as_fd()];
    let file = match &plan.settings.target {
        LogTarget::File(file) => Some(file.as_path()),
        LogTarget::None | LogTarget::Syslog | LogTarget::Journald => None,
    };
    let sandbox = Some(sandbox::log(file));
    let becomes = ProcessRole { name: c"mpopd-log", identity: &Identity::Unchanged, sandbox };
    let role =
        |_, ()| log_role::run(log_role::Channels { lines: &plan.lines, orders: &theirs }, &plan.settings);
    let pid = child::start(&becomes, &keep, Vec::new(), || Ok::<_, Infallible>(()), role)?;
    Ok(LogProcess { pid, orders: Some(ours) })
}
