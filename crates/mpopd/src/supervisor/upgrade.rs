//! Hands over to another process, which runs the program as it is installed by then: no connection is
//! refused, no session is closed.
//!
//! The successor gets the sockets and takes its time to start. When it accepts, this process retires: its
//! sessions go on, within bounds, and it ends with the last of them. A successor that does not come to serve
//! changes nothing.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipc::control::Answer;

use super::handover::{self, Given};
use super::startup_report;
use super::state::Supervisor;
use super::successor::Successor;

/// How long the successor may take until it accepts. mpopdctl waits a little longer.
const START_TIME: Duration = Duration::from_secs(25);

/// How long sessions go on here after that.
const SESSION_TIME: Duration = Duration::from_secs(600);

/// Why no successor can be started.
enum CannotUpgrade {
    /// Another generation or another successor is starting.
    Changing,
    /// Another program owns the sockets.
    PassedSockets,
    /// This process has no control socket or no pid file.
    NoDaemon,
    /// The machine has no process or no pipe left.
    System(io::Error),
}

impl fmt::Display for CannotUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changing => f.write_str("mpopd is just changing: ask again"),
            Self::PassedSockets => f.write_str(
                "the service manager that passed mpopd its sockets can restart it without refusing anyone",
            ),
            Self::NoDaemon => f.write_str("this is no daemon that could be replaced"),
            Self::System(error) => write!(f, "no new mpopd can be started: {error}"),
        }
    }
}

impl Supervisor {
    /// Starts a successor for a client of the control socket.
    pub(super) fn upgrade(&mut self, client: u64) {
        match self.start_successor(client) {
            Ok(successor) => {
                tracing::info!("mpopd is being replaced by process {}", successor.pid.as_raw_nonzero());
                self.successor = Some(successor);
                self.clients.await_successor(client);
            }
            Err(error) => self.clients.answer(client, &Answer::Refused(error.to_string()), &[]),
        }
    }

    /// The successor accepts, or reports why it does not.
    pub(super) fn hear_successor(&mut self) {
        let Some(Successor { pid, report, client, .. }) = self.successor.take() else { return };
        let pid = pid.as_raw_nonzero().get().unsigned_abs();
        match startup_report::wait(report) {
            Ok(()) => {
                tracing::info!("process {pid} serves from here on");
                self.clients.answer(client, &Answer::Upgraded { pid }, &[]);
                self.clients.give_up();
                self.notifier.succeeded_by(pid);
                let now = Instant::now();
                self.sessions_until = Some(now + SESSION_TIME);
                if let Some(mut last) = self.current.take() {
                    last.retire(now);
                    self.leaving.push(last);
                }
            }
            Err(error) => self.give_successor_up(client, &error.to_string()),
        }
    }

    /// Does what is due.
    pub(super) fn tick_upgrade(&mut self, now: Instant) {
        if let Some(successor) = self.successor.take_if(|successor| successor.until <= now) {
            successor.kill();
            self.give_successor_up(successor.client, "the new mpopd takes too long to start");
        }
        if self.sessions_until.take_if(|until| *until <= now).is_some() {
            tracing::info!("the sessions from before the replacement are closed");
            self.leaving.iter_mut().for_each(|generation| generation.shut_down(now));
        }
    }

    fn start_successor(&self, client: u64) -> Result<Successor, CannotUpgrade> {
        let (Some(file), Some(current), None, None) =
            (&self.file, &self.current, &self.incoming, &self.successor)
        else {
            return Err(CannotUpgrade::Changing);
        };
        if file.has_passed_sockets() {
            return Err(CannotUpgrade::PassedSockets);
        }
        let (Some(control), Some(pid_file)) = (self.clients.socket(), self.notifier.pid_file.as_ref()) else {
            return Err(CannotUpgrade::NoDaemon);
        };
        let given = Given {
            listeners: current.plan.listeners().map(|listener| listener.socket.as_fd()).collect(),
            control,
            pid_file: pid_file.as_fd(),
            state_dir: current.plan.fixed.state_dir(),
        };
        let (pid, report) = handover::start(&file.arguments(), &given).map_err(CannotUpgrade::System)?;
        Ok(Successor { pid, report, until: Instant::now() + START_TIME, client })
    }

    fn give_successor_up(&mut self, client: u64, why: &str) {
        for line in why.lines() {
            tracing::error!("{line}");
        }
        tracing::error!("mpopd was not replaced: it goes on as it was");
        self.clients.answer(client, &Answer::Refused(why.to_owned()), &[]);
    }
}
