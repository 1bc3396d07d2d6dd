//! Being succeeded by another process, which runs the program as it is installed by then: no connection is refused, no session is
//! closed.
//!
//! The successor gets the sockets and takes its time to start. When it accepts, this process retires: its sessions go on, within
//! bounds, and it ends with the last of them. A successor that does not come to serve changes nothing.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc::control::Answer;
use rustix::event::PollFlags;
use rustix::process::{Pid, Signal as Kill};

use super::{Speaker, Supervisor};
use crate::start::detach;
use crate::start::handover::{self, Given};

/// How long the successor may take until it accepts. mpopdctl waits a little longer.
const START: Duration = Duration::from_secs(25);

/// How long sessions go on here after that.
const PATIENCE: Duration = Duration::from_secs(600);

/// The process that is to take over.
pub(super) struct Successor {
    pid: Pid,
    /// On which it says that it accepts, or why it does not.
    word: OwnedFd,
    until: Instant,
    /// The client of the control socket that wanted it.
    client: u64,
}

impl Successor {
    pub(super) fn speaker(&self) -> (Speaker, BorrowedFd<'_>, PollFlags) {
        (Speaker::Successor, self.word.as_fd(), PollFlags::IN)
    }

    /// When it is given up.
    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// It shall not take over.
    pub(super) fn kill(&self) {
        let _ = sys::process::signal(self.pid, Kill::KILL);
    }
}

impl Supervisor {
    /// Starts a successor, because a client of the control socket wants one.
    pub(super) fn upgrade(&mut self, client: u64) {
        match self.start_successor(client) {
            Ok(successor) => {
                tracing::info!("mpopd is being replaced by process {}", successor.pid.as_raw_nonzero());
                self.successor = Some(successor);
                self.control.await_successor(client);
            }
            Err(why) => self.control.answer(client, &Answer::Refused(why), &[]),
        }
    }

    /// The successor accepts, or says why it does not.
    pub(super) fn hear_successor(&mut self) {
        let Some(Successor { pid, word, client, .. }) = self.successor.take() else { return };
        let pid_number = pid.as_raw_nonzero().get().unsigned_abs();
        match detach::told(word) {
            Ok(()) => {
                tracing::info!("process {pid_number} serves from here on");
                self.control.answer(client, &Answer::Upgraded { pid: pid_number }, &[]);
                self.control.give_up();
                self.herald.succeeded_by(pid_number);
                let now = Instant::now();
                self.patience_ends = Some(now + PATIENCE);
                if let Some(mut last) = self.current.take() {
                    last.retire(now);
                    self.leaving.push(last);
                }
            }
            Err(why) => self.give_successor_up(client, &why),
        }
    }

    /// Does what is due.
    pub(super) fn tick_upgrade(&mut self, now: Instant) {
        if let Some(Successor { pid, client, .. }) =
            self.successor.take_if(|successor| successor.until <= now)
        {
            let _ = sys::process::signal(pid, Kill::KILL);
            self.give_successor_up(client, "the new mpopd takes too long to start");
        }
        if self.patience_ends.take_if(|until| *until <= now).is_some() {
            tracing::info!("the sessions from before the replacement are closed");
            self.leaving.iter_mut().for_each(|generation| generation.shut_down(now));
        }
    }

    fn start_successor(&self, client: u64) -> Result<Successor, String> {
        let (Some(file), Some(current), None, None) =
            (&self.file, &self.current, &self.incoming, &self.successor)
        else {
            return Err("mpopd is just changing: ask again".to_owned());
        };
        if file.has_passed_sockets() {
            return Err("whoever passed mpopd its sockets can restart it without refusing anyone".to_owned());
        }
        let (Some(control), Some(pid_file)) = (self.control.socket(), self.herald.pid_file.as_ref()) else {
            return Err("this is no daemon that could be replaced".to_owned());
        };
        let given = Given {
            listeners: current.plan.listeners().map(|listener| listener.socket.as_fd()).collect(),
            control,
            pid_file: pid_file.as_fd(),
            state_dir: current.plan.lasting.state_dir(),
        };
        let started = handover::start(&file.arguments(), &given);
        let (pid, word) = started.map_err(|error| format!("no new mpopd can be started: {error}"))?;
        Ok(Successor { pid, word, until: Instant::now() + START, client })
    }

    fn give_successor_up(&mut self, client: u64, why: &str) {
        for line in why.lines() {
            tracing::error!("{line}");
        }
        tracing::error!("mpopd was not replaced: it goes on as it was");
        self.control.answer(client, &Answer::Refused(why.to_owned()), &[]);
    }
}
