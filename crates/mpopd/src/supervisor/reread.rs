//! Re-reads the configuration: starts another generation beside the current one, which takes its place when
//! it accepts.

use std::time::{Duration, Instant};

use ipc::control::{Rereading, Verdict};

use super::generation::Generation;
use super::incoming::Incoming;
use super::state::Supervisor;
use crate::error::StartError;
use crate::plan::Reload;

/// How long the session role of a configuration that was re-read may take until it accepts.
const START_TIME: Duration = Duration::from_secs(30);

/// The most retired generations that still have sessions. Beyond that the sessions of the oldest are closed:
/// a script that re-reads the configuration in a loop must not fill the machine with processes.
const MOST_RETIRED: usize = 16;

impl Supervisor {
    /// Does what is due: gives up a generation that does not come to serve, and starts a reload that is
    /// wanted.
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
        self.notifier.reloading();
        self.clients.begin(Rereading::Config);
        if reload == Reload::All {
            self.clients.begin(Rereading::Refresh);
        }
        let generation = file.replan(&current.plan, reload).and_then(|plan| {
            Generation::new(self.generations, plan, now)
                .map_err(StartError::system("the new roles have no channels"))
        });
        match generation {
            Ok(mut generation) => {
                self.generations = self.generations.wrapping_add(1);
                // Before its roles are forked, which log as this process does.
                let log = self.log.as_mut().map(|log| log.change(generation.plan.log.clone()));
                generation.start_due(&mut self.sessions, now);
                generation.tell(self.restarts);
                self.incoming = Some(Incoming { generation, reload, until: now + START_TIME, log });
            }
            Err(error) => self.settle(reload, Err(error)),
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
        self.settle(reload, Err(StartError::Role(why.to_owned())));
    }

    /// Reports the outcome of a reload.
    fn settle(&mut self, reload: Reload, outcome: Result<(), StartError>) {
        let port = self.current.as_ref().map_or(0, |current| current.plan.port());
        self.notifier.reloaded(port);
        let verdict = match outcome {
            Ok(()) => {
                tracing::info!("the configuration was re-read");
                Verdict::InForce { port }
            }
            Err(error) => {
                let problems = error.to_string();
                for line in problems.lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("the configuration was not taken over: the settings stay as they were");
                Verdict::kept(&problems)
            }
        };
        // A client that waits for new settings gets them with SIGHUP, too.
        self.clients.report_reread(Rereading::Config, &verdict);
        if reload == Reload::All {
            self.clients.report_reread(Rereading::Refresh, &verdict);
        }
    }
}
