//! The supervisor: starts the other roles, restarts them, owns the signals.
//!
//! Runs as root, in one thread, and parses nothing but small messages: from auth, from the session role, and from
//! mpopdctl. It never waits for any of them: whoever does not take a message at once is treated as gone.

pub(crate) mod child;
mod control;
mod directory;
mod generation;
mod logger;
mod reread;
mod restart;
mod seal;
mod upgrade;
mod workers;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use ipc::steer::Restarts;
use ipc::wire;
use rustix::event::{PollFd, PollFlags, Timespec};
use sys::signals::{Signal, Signals};

use crate::start::control_socket::ControlSocket;
use crate::start::herald::Herald;
use crate::start::plan::Lasting;
use crate::start::settings_file::SettingsFile;
use auth_role::UserLogs;

use child::Identity;
use control::Control;
pub(crate) use directory::{Program, beside_this_program};
use generation::{Generation, Heard, Voice};
pub(crate) use logger::Log;
use logger::Logger;
use reread::Incoming;
use session_role::tls::TlsSettings;
use session_role::{Arrivals, Limits, Listener};
use upgrade::Successor;
pub(crate) use workers::Maildrops;

/// How long the log role has to write what is left.
const LAST_LINES: Duration = Duration::from_secs(5);

/// All that the roles need to know, fixed before the first fork.
pub(crate) struct Plan {
    /// Where connections come from.
    pub(crate) arrivals: Arrivals,
    /// Where Prometheus asks, if it does: bound and listening.
    pub(crate) metrics: Option<Listener>,
    /// What the session role encrypts with.
    pub(crate) tls: TlsSettings,
    /// As whom the session role runs.
    pub(crate) session: Identity,
    /// What the session role keeps to.
    pub(crate) limits: Limits,
    /// How many auth processes there are.
    pub(crate) auth_processes: usize,
    /// What each auth process decides with.
    pub(crate) authenticator: auth::Authenticator,
    /// Who asks databases, LDAP and OAuth servers, if any is configured.
    pub(crate) directory: Option<Program>,
    /// Whose sessions are logged in logs of their own.
    pub(crate) user_logs: UserLogs,
    /// Where and how maildrop processes work.
    pub(crate) maildrops: Maildrops,
    /// How is logged from here on, if that may have changed.
    pub(crate) log: Option<log_role::Settings>,
    /// What not every re-reading changes.
    pub(crate) lasting: Lasting,
}

/// What stays when the configuration is re-read; each where there is one.
#[derive(Default)]
pub(crate) struct Surroundings {
    /// Where the configuration can be re-read.
    pub(crate) file: Option<SettingsFile>,
    /// Who is told how it goes.
    pub(crate) herald: Herald,
    /// Where mpopdctl connects.
    pub(crate) control: Option<ControlSocket>,
    /// Where the log goes; without it, every role writes its lines to standard error.
    pub(crate) log: Option<Log>,
}

impl Plan {
    /// All sockets that listen, for whatever.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.arrivals.listeners().iter().chain(&self.metrics)
    }

    /// The port that the pid file names: the first that is listened on.
    fn port(&self) -> u16 {
        self.arrivals.listeners().first().map_or(0, |listener| listener.address.port())
    }
}

/// What is done with the configuration when it is re-read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reload {
    /// Sessions that begin later have it; those that run keep theirs, and the ports stay (SIGUSR1).
    Settings,
    /// Sessions are closed, and the ports are those of the new one (SIGHUP).
    All,
}

/// Runs until SIGTERM or SIGINT, or until the one connection of [`Arrivals::One`] is closed. Returns the exit status.
///
/// # Errors
///
/// What keeps it from starting at all: signals, sockets, the first fork, or a session role that cannot start. The herald has
/// been told.
pub(crate) fn run(plan: Plan, surroundings: Surroundings) -> Result<i32, String> {
    let Surroundings { file, mut herald, control, log } = surroundings;
    let cannot = |error: io::Error| format!("cannot start: {error}");
    seal::prepare();
    let now = Instant::now();
    let only_one = matches!(plan.arrivals, Arrivals::One(..));
    // One for each maildrop process, and what the roles inherit.
    sys::process::allow_enough_descriptors();
    sys::process::raise_descriptor_limit();
    let ready = Signals::listen().and_then(|signals| Ok((signals, Generation::new(0, plan, now)?)));
    let (signals, first) = ready.map_err(cannot).inspect_err(|why| herald.failed(why))?;
    let mut supervisor = Supervisor {
        signals,
        file,
        herald,
        control: Control::new(control),
        log: log.map(|log| Logger::new(log, now)),
        current: Some(first),
        incoming: None,
        leaving: Vec::new(),
        wanted: None,
        successor: None,
        patience_ends: None,
        is_ready: false,
        generations: 1,
        sessions: 0,
        restarts: Restarts::default(),
        began: now,
        failure: None,
    };
    supervisor.tick(now);
    if only_one && let Some(mut only) = supervisor.current.take() {
        only.retire(now);
        supervisor.leaving.push(only);
    }
    supervisor.serve();
    let Supervisor { mut herald, failure, .. } = supervisor;
    failure.iter().for_each(|why| herald.failed(why));
    herald.ended();
    failure.map_or(Ok(0), Err)
}

struct Supervisor {
    signals: Signals,
    file: Option<SettingsFile>,
    herald: Herald,
    control: Control,
    log: Option<Logger>,
    /// Whose session role accepts. `None` from when the server ends.
    current: Option<Generation>,
    incoming: Option<Incoming>,
    /// Those that accept no more, the oldest first.
    leaving: Vec<Generation>,
    /// What is to be re-read as soon as nothing is incoming. Signals that come meanwhile are one.
    wanted: Option<Reload>,
    /// The program that is to take over, while it starts.
    successor: Option<Successor>,
    /// When the sessions are closed that go on after another program has taken over.
    patience_ends: Option<Instant>,
    /// Whether it was announced that connections are accepted.
    is_ready: bool,
    /// How many generations there were.
    generations: u32,
    /// How many session roles there were.
    sessions: u32,
    /// How often processes ended that nobody had told to.
    restarts: Restarts,
    began: Instant,
    /// Why it ends, if that is not what somebody wanted.
    failure: Option<String>,
}

/// Who can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaker {
    /// The kernel, with a signal.
    Signals,
    /// A process of the generation with this number.
    Role(u32, Voice),
    /// The program that is to take over.
    Successor,
    /// The control socket, to which somebody connects.
    Clients,
    /// The client of the control socket with this number.
    Client(u64),
}

impl Supervisor {
    fn serve(&mut self) {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        while !self.is_over() {
            let speakers = wait(self.speakers(), self.next_tick());
            self.take_signals();
            for speaker in speakers {
                match speaker {
                    Speaker::Signals => {}
                    Speaker::Role(generation, voice) => self.hear(generation, voice, &mut buffer),
                    Speaker::Successor => self.hear_successor(),
                    Speaker::Clients => self.control.admit(),
                    Speaker::Client(number) => self.obey(number, &mut buffer),
                }
            }
            self.tick(Instant::now());
        }
        tracing::info!("mpopd halted");
        self.finish_log();
    }

    /// All that can be heard, and what to wait for at each.
    fn speakers(&self) -> impl Iterator<Item = (Speaker, BorrowedFd<'_>, PollFlags)> {
        let roles = self.generations().flat_map(|generation| {
            let channels = generation.channels();
            channels.map(|(voice, channel)| {
                (Speaker::Role(generation.number, voice), channel.as_fd(), PollFlags::IN)
            })
        });
        let successor = self.successor.iter().map(Successor::speaker);
        self.signals().chain(roles).chain(successor).chain(self.control.sources())
    }

    fn signals(&self) -> impl Iterator<Item = (Speaker, BorrowedFd<'_>, PollFlags)> {
        std::iter::once((Speaker::Signals, self.signals.as_fd(), PollFlags::IN))
    }

    fn hear(&mut self, number: u32, voice: Voice, buffer: &mut [u8]) {
        let generation = self.generations_mut().find(|generation| generation.number == number);
        if let Some(heard) = generation.map(|generation| generation.hear(voice, buffer)) {
            self.heed(number, heard);
        }
    }

    fn heed(&mut self, number: u32, heard: Heard) {
        match heard {
            Heard::Ready => self.became_ready(number),
            Heard::Answer(question, told, descriptors) => {
                self.session_answers(number, question, told, &descriptors);
            }
            Heard::Counted(figures) => self.control.remember(figures),
            Heard::Nothing => {}
        }
    }

    fn take_signals(&mut self) {
        loop {
            match self.signals.next() {
                Ok(Some(Signal::Terminate)) => self.stop(),
                Ok(Some(Signal::Child)) => self.reap(),
                Ok(Some(Signal::Hangup)) => self.wanted = Some(Reload::All),
                Ok(Some(Signal::User1)) => self.wanted = self.wanted.max(Some(Reload::Settings)),
                Ok(Some(Signal::User2)) => self.log.iter().for_each(Logger::reopen),
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("signals cannot be read: {error}");
                    return self.stop();
                }
            }
        }
    }

    /// Takes note of the children that ended.
    fn reap(&mut self) {
        let (now, mut restarts) = (Instant::now(), self.restarts);
        while let Some((pid, ending)) = sys::process::reap() {
            if self.log.as_mut().is_some_and(|log| log.ended(pid, ending, &mut restarts, now)) {
                continue; // it is started again when it is due
            }
            let session = self.generations_mut().find(|generation| generation.session_pid() == Some(pid));
            let last_words = session.map(|session| (session.number, session.last_words()));
            if let Some((number, words)) = last_words {
                words.into_iter().for_each(|words| self.heed(number, words));
                self.session_lost(number);
            }
            let _known =
                self.generations_mut().any(|generation| generation.ended(pid, ending, &mut restarts, now));
        }
        if restarts != std::mem::replace(&mut self.restarts, restarts) {
            self.tell_restarts();
        }
    }

    /// Tells the session roles what to show of the restarts.
    fn tell_restarts(&self) {
        self.generations().for_each(|generation| generation.tell(self.restarts));
    }

    /// Does what is due.
    fn tick(&mut self, now: Instant) {
        self.herald.alive(now);
        // The first: it has room for what the others say.
        self.log.iter_mut().for_each(|log| log.start_due(now));
        let mut sessions = self.sessions;
        self.generations_mut().for_each(|generation| generation.start_due(&mut sessions, now));
        if sessions != std::mem::replace(&mut self.sessions, sessions) {
            self.tell_restarts();
        }
        self.leaving.retain(|generation| !generation.is_gone());
        self.tick_upgrade(now);
        if !self.is_ready && self.current.as_ref().is_some_and(Generation::has_failed) {
            self.failure = Some("the session role cannot start: the log says why".to_owned());
            self.stop();
        }
        self.tick_reread(now);
    }

    fn next_tick(&self) -> Option<Instant> {
        let incoming = self.incoming.as_ref().map(Incoming::until);
        let generations = self.generations().filter_map(Generation::next_tick);
        let upgrade = self.successor.as_ref().map(Successor::until).or(self.patience_ends);
        let log = self.log.as_ref().and_then(Logger::next_start).into_iter().chain(upgrade);
        generations.chain(incoming).chain(log).chain(self.herald.next_alive()).min()
    }

    /// A session role accepts connections.
    fn became_ready(&mut self, number: u32) {
        if self.incoming.as_ref().is_some_and(|incoming| incoming.generation.number == number) {
            self.replace(Instant::now());
        } else if !self.is_ready
            && let Some(current) = self.current.as_ref().filter(|current| current.number == number)
        {
            self.is_ready = true;
            self.control.take_over();
            self.herald.ready(current.plan.port());
        }
    }

    /// Ends everything.
    fn stop(&mut self) {
        let now = Instant::now();
        if self.current.is_some() {
            tracing::info!("mpopd is closing");
            self.herald.stopping();
            self.control.close();
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

    /// Has the log role write what is left, and waits for its end.
    fn finish_log(&mut self) {
        let until = Instant::now() + LAST_LINES;
        self.log.iter_mut().for_each(Logger::finish);
        loop {
            while let Ok(Some(_)) = self.signals.next() {}
            self.reap();
            let pids: Vec<_> = self.log.iter().flat_map(Logger::pids).collect();
            if pids.is_empty() {
                return;
            }
            if Instant::now() >= until {
                for pid in pids {
                    let _ = sys::process::signal(pid, rustix::process::Signal::KILL);
                }
                return;
            }
            wait(self.signals(), Some(until));
        }
    }

    fn generations(&self) -> impl Iterator<Item = &Generation> {
        let incoming = self.incoming.iter().map(|incoming| &incoming.generation);
        self.current.iter().chain(incoming).chain(&self.leaving)
    }

    fn generations_mut(&mut self) -> impl Iterator<Item = &mut Generation> {
        let incoming = self.incoming.iter_mut().map(|incoming| &mut incoming.generation);
        self.current.iter_mut().chain(incoming).chain(&mut self.leaving)
    }
}

/// Waits until something can be heard, or until the time. Returns who speaks.
fn wait<'a>(
    speakers: impl Iterator<Item = (Speaker, BorrowedFd<'a>, PollFlags)>,
    until: Option<Instant>,
) -> Vec<Speaker> {
    let (speakers, mut polled): (Vec<Speaker>, Vec<PollFd<'_>>) =
        speakers.map(|(speaker, fd, events)| (speaker, PollFd::from_borrowed_fd(fd, events))).unzip();
    let timeout =
        until.and_then(|until| Timespec::try_from(until.saturating_duration_since(Instant::now())).ok());
    if rustix::event::poll(&mut polled, timeout.as_ref()).is_err() {
        return Vec::new(); // interrupted: the loop comes again
    }
    let ready = speakers.iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
    ready.map(|(speaker, _)| *speaker).collect()
}
