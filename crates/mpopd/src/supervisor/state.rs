//! What the supervisor knows.

use std::time::Instant;

use ipc::steer::Restarts;
use sys::signals::Signals;

use super::clients::ControlClients;
use super::generation::Generation;
use super::incoming::Incoming;
use super::logger::LogRole;
use super::notifier::Notifier;
use super::successor::Successor;
use crate::error::StartError;
use crate::plan::Reload;
use crate::plan::settings_file::SettingsFile;

pub(super) struct Supervisor {
    pub(super) signals: Signals,
    pub(super) file: Option<SettingsFile>,
    pub(super) notifier: Notifier,
    pub(super) clients: ControlClients,
    pub(super) log: Option<LogRole>,
    /// The generation whose session role accepts. `None` once the server is ending.
    pub(super) current: Option<Generation>,
    pub(super) incoming: Option<Incoming>,
    /// The generations that accept no more, the oldest first.
    pub(super) leaving: Vec<Generation>,
    /// The reload to start as soon as none is under way. Signals that arrive meanwhile are merged into one.
    pub(super) wanted: Option<Reload>,
    /// The program that is to take over, while it starts.
    pub(super) successor: Option<Successor>,
    /// When to close the sessions that go on after another program has taken over.
    pub(super) sessions_until: Option<Instant>,
    /// Whether it was announced that connections are accepted.
    pub(super) is_ready: bool,
    /// The number of generations so far.
    pub(super) generations: u32,
    /// The number of session roles so far.
    pub(super) sessions: u32,
    /// How often processes ended that were not told to.
    pub(super) restarts: Restarts,
    pub(super) began: Instant,
    /// Why it ends, if it was not told to.
    pub(super) failure: Option<StartError>,
}

impl Supervisor {
    pub(super) fn generations(&self) -> impl Iterator<Item = &Generation> {
        let incoming = self.incoming.iter().map(|incoming| &incoming.generation);
        self.current.iter().chain(incoming).chain(&self.leaving)
    }

    pub(super) fn generations_mut(&mut self) -> impl Iterator<Item = &mut Generation> {
        let incoming = self.incoming.iter_mut().map(|incoming| &mut incoming.generation);
        self.current.iter_mut().chain(incoming).chain(&mut self.leaving)
    }

    /// Tells the session roles the restarts for their metrics.
    pub(super) fn tell_restarts(&self) {
        self.generations().for_each(|generation| generation.tell(self.restarts));
    }
}
