//! The supervisor's loop: waits for signals, roles and clients, and does what is due.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ipc::steer::Restarts;
use ipc::wire;
use rustix::event::PollFlags;
use session_role::Arrivals;
use sys::signals::{Signal, Signals};

use super::clients::ControlClients;
use super::generation::{Generation, GenerationEvent};
use super::incoming::Incoming;
use super::logger::LogRole;
use super::resources::DaemonResources;
use super::speaker::{self, RoleSpeaker, Speaker};
use super::state::Supervisor;
use super::successor::Successor;
use crate::error::StartError;
use crate::plan::{Plan, Reload};
use crate::process::sandbox;

/// How long the log role may take to write what is left.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT, or until the one connection of [`Arrivals::One`] is closed. Returns the exit
/// status.
///
/// # Errors
///
/// What keeps it from starting at all: signals, sockets, the first fork, or a session role that cannot start.
/// The notifier has been told.
pub(crate) fn run(plan: Plan, resources: DaemonResources) -> Result<i32, StartError> {
    let DaemonResources { file, mut notifier, control, log } = resources;
    sandbox::prepare();
    let now = Instant::now();
    let is_single = matches!(plan.arrivals, Arrivals::One(..));
    // One for each maildrop process, and what the roles inherit.
    sys::process::allow_enough_descriptors();
    sys::process::raise_descriptor_limit();
    let ready = Signals::listen().and_then(|signals| Ok((signals, Generation::new(0, plan, now)?)));
    let (signals, first) = ready
        .map_err(StartError::system("cannot start"))
        .inspect_err(|error| notifier.failed(&error.to_string()))?;
    let mut supervisor = Supervisor {
        signals,
        file,
        notifier,
        clients: ControlClients::new(control),
        log: log.map(|log| LogRole::new(log, now)),
        current: Some(first),
        incoming: None,
        leaving: Vec::new(),
        wanted: None,
        successor: None,
        sessions_until: None,
        is_ready: false,
        generations: 1,
        sessions: 0,
        restarts: Restarts::default(),
        began: now,
        failure: None,
    };
    supervisor.tick(now);
    if is_single && let Some(mut only) = supervisor.current.take() {
        only.retire(now);
        supervisor.leaving.push(only);
    }
    supervisor.serve();
    let Supervisor { mut notifier, failure, .. } = supervisor;
    failure.iter().for_each(|error| notifier.failed(&error.to_string()));
    notifier.ended();
    failure.map_or(Ok(0), Err)
}

impl Supervisor {
    fn serve(&mut self) {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        while !self.is_over() {
            let speakers = speaker::wait(self.speakers(), self.next_tick());
            self.take_signals();
            for speaker in speakers {
                match speaker {
                    Speaker::Signals => {}
                    Speaker::Role(generation, role) => self.hear(generation, role, &mut buffer),
                    Speaker::Successor => self.hear_successor(),
                    Speaker::Clients => self.clients.accept(),
                    Speaker::Client(number) => self.serve_client(number, &mut buffer),
                }
            }
            self.tick(Instant::now());
        }
        tracing::info!("mpopd halted");
        self.finish_log();
    }

    /// All sources of events, and the events to wait for.
    fn speakers(&self) -> impl Iterator<Item = (Speaker, BorrowedFd<'_>, PollFlags)> {
        let roles = self.generations().flat_map(|generation| {
            let channels = generation.channels();
            channels.map(|(role, channel)| {
                (Speaker::Role(generation.number, role), channel.as_fd(), PollFlags::IN)
            })
        });
        let successor = self.successor.iter().map(Successor::speaker);
        self.signals().chain(roles).chain(successor).chain(self.clients.speakers())
    }

    fn signals(&self) -> impl Iterator<Item = (Speaker, BorrowedFd<'_>, PollFlags)> {
        std::iter::once((Speaker::Signals, self.signals.as_fd(), PollFlags::IN))
    }

    fn hear(&mut self, number: u32, role: RoleSpeaker, buffer: &mut [u8]) {
        let generation = self.generations_mut().find(|generation| generation.number == number);
        if let Some(event) = generation.and_then(|generation| generation.hear(role, buffer)) {
            self.handle(number, event);
        }
    }

    fn handle(&mut self, number: u32, event: GenerationEvent) {
        match event {
            GenerationEvent::Ready => self.became_ready(number),
            GenerationEvent::Answered(question, answer, descriptors) => {
                self.session_answers(number, question, answer, &descriptors);
            }
            GenerationEvent::Counted(figures) => self.clients.remember(figures),
        }
    }

    fn take_signals(&mut self) {
        loop {
            match self.signals.next() {
                Ok(Some(Signal::Terminate)) => self.stop(),
                Ok(Some(Signal::Child)) => self.reap(),
                Ok(Some(Signal::Hangup)) => self.wanted = Some(Reload::All),
                Ok(Some(Signal::User1)) => self.wanted = self.wanted.max(Some(Reload::Settings)),
                Ok(Some(Signal::User2)) => self.log.iter().for_each(LogRole::reopen),
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("signals cannot be read: {error}");
                    return self.stop();
                }
            }
        }
    }

    /// Handles the children that ended.
    fn reap(&mut self) {
        let (now, mut restarts) = (Instant::now(), self.restarts);
        while let Some((pid, ending)) = sys::process::reap() {
            if self.log.as_mut().is_some_and(|log| log.ended(pid, ending, &mut restarts, now)) {
                continue; // it is started again when it is due
            }
            let session = self.generations_mut().find(|generation| generation.session_pid() == Some(pid));
            let unheard = session.map(|session| (session.number, session.unheard_events()));
            if let Some((number, events)) = unheard {
                events.into_iter().for_each(|event| self.handle(number, event));
                self.session_lost(number);
            }
            let _known =
                self.generations_mut().any(|generation| generation.ended(pid, ending, &mut restarts, now));
        }
        if restarts != std::mem::replace(&mut self.restarts, restarts) {
            self.tell_restarts();
        }
    }

    /// Does what is due.
    fn tick(&mut self, now: Instant) {
        self.notifier.alive(now);
        // The log role comes first: it makes room for the lines of the others.
        self.log.iter_mut().for_each(|log| log.start_due(now));
        let mut sessions = self.sessions;
        self.generations_mut().for_each(|generation| generation.start_due(&mut sessions, now));
        if sessions != std::mem::replace(&mut self.sessions, sessions) {
            self.tell_restarts();
        }
        self.leaving.retain(|generation| !generation.is_gone());
        self.tick_upgrade(now);
        if !self.is_ready && self.current.as_ref().is_some_and(Generation::has_failed) {
            self.failure =
                Some(StartError::Role("the session role cannot start: the log says why".to_owned()));
            self.stop();
        }
        self.tick_reread(now);
    }

    fn next_tick(&self) -> Option<Instant> {
        let incoming = self.incoming.as_ref().map(Incoming::until);
        let generations = self.generations().filter_map(Generation::next_tick);
        let upgrade = self.successor.as_ref().map(Successor::until).or(self.sessions_until);
        let log = self.log.as_ref().and_then(LogRole::next_start).into_iter().chain(upgrade);
        generations.chain(incoming).chain(log).chain(self.notifier.next_alive()).min()
    }

    /// A session role accepts connections.
    fn became_ready(&mut self, number: u32) {
        if self.incoming.as_ref().is_some_and(|incoming| incoming.generation.number == number) {
            self.replace(Instant::now());
        } else if !self.is_ready
            && let Some(current) = self.current.as_ref().filter(|current| current.number == number)
        {
            self.is_ready = true;
            self.clients.take_over();
            self.notifier.ready(current.plan.port());
        }
    }

    /// Ends everything.
    fn stop(&mut self) {
        let now = Instant::now();
        if self.current.is_some() {
            tracing::info!("mpopd is closing");
            self.notifier.stopping();
            self.clients.close();
        }
        if let Some(successor) = self.successor.take() {
            successor.kill();
        }
        self.leaving.extend(self.incoming.take().map(|incoming| incoming.generation));
        self.leaving.extend(self.current.take());
        self.leaving.iter_mut().for_each(|generation| generation.shut_down(now));
    }

    /// Whether there is nothing left to do.
    fn is_over(&self) -> bool {
        self.current.is_none() && self.incoming.is_none() && self.leaving.is_empty()
    }

    /// Lets the log role write what is left, and waits until it has ended.
    fn finish_log(&mut self) {
        let until = Instant::now() + LAST_LINES;
        self.log.iter_mut().for_each(LogRole::finish);
        loop {
            while let Ok(Some(_)) = self.signals.next() {}
            self.reap();
            let pids: Vec<_> = self.log.iter().flat_map(LogRole::pids).collect();
            if pids.is_empty() {
                return;
            }
            if Instant::now() >= until {
                for pid in pids {
                    let _ = sys::process::signal(pid, rustix::process::Signal::KILL);
                }
                return;
            }
            speaker::wait(self.signals(), Some(until));
        }
    }
}
