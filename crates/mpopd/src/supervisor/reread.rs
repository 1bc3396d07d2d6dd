//! Re-reading the configuration: another generation is started beside the current one, and takes its place when it accepts.

use std::time::{Duration, Instant};

use ipc::control::{Rereading, Verdict};

use super::generation::Generation;
use super::{Reload, Supervisor};
use crate::cli::Failure;
use log_role;

/// How long the session role of a configuration that was re-read may take until it accepts.
const START: Duration = Duration::from_secs(30);

/// The most generations that retired and still have sessions. The oldest one's are closed when there are more: whoever
/// re-reads the configuration in a loop must not fill the machine with processes.
const MOST_RETIRED: usize = 16;

/// A generation that is to become the current one when its session role accepts.
pub(super) struct Incoming {
    pub(super) generation: Generation,
    reload: Reload,
    until: Instant,
    /// How was logged before.
    log: Option<log_role::Settings>,
}

impl Incoming {
    /// When it is given up.
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}

impl Supervisor {
    /// Does what is due: gives up what does not come to serve, and begins what is wanted.
    pub(super) fn tick_reread(&mut self, now: Instant) {
        match &self.incoming {
            Some(incoming) if incoming.generation.has_failed() => {
                self.abandon("its session role cannot start: see above");
            }
            Some(incoming) if incoming.until <= now => {
                self.abandon("its session role takes too long to start")
            }
            Some(_) => {}
            None => {
                if let Some(reload) = self.wanted.take_if(|_| self.is_ready && self.successor.is_none()) {
                    self.reread(reload, now);
                }
            }
        }
    }

    /// Reads the configuration again and starts the roles that work by it. Until they serve, nothing changes.
    fn reread(&mut self, reload: Reload, now: Instant) {
        let (Some(file), Some(current)) = (&self.file, &self.current) else {
            return tracing::warn!("there is no configuration to be re-read");
        };
        self.herald.reloading();
        self.control.begin(Rereading::Config);
        if reload == Reload::All {
            self.control.begin(Rereading::Refresh);
        }
        let generation = file.again(&current.plan, reload).and_then(|plan| {
            Generation::new(self.generations, plan, now).map_err(|error| Failure::Other(error.to_string()))
        });
        match generation {
            Ok(mut generation) => {
                self.generations = self.generations.wrapping_add(1);
                // Before its roles are forked, which log as this process does.
                let log = generation.plan.log.take().and_then(|new| Some(self.log.as_mut()?.change(new)));
                generation.start_due(&mut self.sessions, now);
                generation.tell(self.restarts);
                self.incoming = Some(Incoming { generation, reload, until: now + START, log });
            }
            Err(failure) => self.settle(reload, Err(failure)),
        }
    }

    /// The incoming generation becomes the current one.
    pub(super) fn replace(&mut self, now: Instant) {
        let Some(Incoming { generation, reload, .. }) = self.incoming.take() else { return };
        if reload == Reload::All {
            for listener in generation.plan.arrivals.listeners() {
                tracing::info!("listening on {}", listener.address);
            }
        }
        if let Some(mut old) = self.current.replace(generation) {
            match reload {
                Reload::Settings => old.retire(now),
                Reload::All => self.leaving.iter_mut().chain([&mut old]).for_each(|old| old.shut_down(now)),
            }
            self.leaving.push(old);
        }
        let mut retired: Vec<_> = self.leaving.iter_mut().filter(|old| !old.is_shutting_down()).collect();
        let surplus = retired.len().saturating_sub(MOST_RETIRED);
        for old in retired.drain(..surplus) {
            tracing::warn!(
                "the sessions from before the last {MOST_RETIRED} readings of the configuration are closed"
            );
            old.shut_down(now);
        }
        self.settle(reload, Ok(()));
    }

    /// The incoming generation cannot serve: the current one goes on.
    fn abandon(&mut self, why: &str) {
        let Some(Incoming { mut generation, reload, log, .. }) = self.incoming.take() else { return };
        if let (Some(logger), Some(settings)) = (&mut self.log, log) {
            logger.change(settings);
        }
        generation.shut_down(Instant::now());
        self.leaving.push(generation);
        self.settle(reload, Err(Failure::Other(why.to_owned())));
    }

    /// Tells everyone what became of a re-reading.
    fn settle(&mut self, reload: Reload, done: Result<(), Failure>) {
        let port = self.current.as_ref().map_or(0, |current| current.plan.port());
        self.herald.reloaded(port);
        let verdict = match done {
            Ok(()) => {
                tracing::info!("the configuration was re-read");
                Verdict::InForce { port }
            }
            Err(failure) => {
                let faults = failure.to_string();
                for line in faults.lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("the configuration was not taken over: the settings stay as they were");
                Verdict::kept(&faults)
            }
        };
        // Whoever waits for new settings has them by SIGHUP too.
        self.control.tell(Rereading::Config, &verdict);
        if reload == Reload::All {
            self.control.tell(Rereading::Refresh, &verdict);
        }
    }
}
