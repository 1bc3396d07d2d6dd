//! The supervisor: binds, forks the other roles, restarts them, owns the signals.
//!
//! Runs as root, in one thread, and parses nothing but small messages: from auth, from the session role, and from
//! mpopdctl. It never waits for any of them: whoever does not take a message at once is treated as gone.

mod control;
mod directory;
mod logger;
mod restart;
mod workers;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc::control::{Rereading, Verdict};
use ipc::hire::{Hire, Hired};
use ipc::steer::ToSession;
use ipc::wire::{self, Wait};
use ipc::{receive, send};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal as Kill};
use sys::process::Ending;
use sys::seqpacket;
use sys::signals::{Signal, Signals};

use crate::control_socket::ControlSocket;
use crate::listen::Listener;
use crate::tls;
use crate::user_logs::UserLogs;

use super::child::{self, Identity};
use super::session::Limits;
use super::{auth, session};
use control::Control;
use directory::Directory;
use logger::Logger;
use restart::Restart;
use workers::Workers;

/// How long the session role has to take leave of its clients, and a QUIT to be carried out.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long maildrop processes have to end a commit under way.
const COMMIT: Duration = Duration::from_secs(30);

/// How long the log role has to write what is left.
const LAST_LINES: Duration = Duration::from_secs(5);

/// All that the roles need to know, fixed before the first fork.
pub(crate) struct Plan {
    /// Bound and listening.
    pub(crate) listeners: Vec<Listener>,
    /// Where mpopdctl connects; `None` for a daemon that nobody controls.
    pub(crate) control: Option<ControlSocket>,
    /// What the session role encrypts with.
    pub(crate) tls: config::Tls,
    /// As whom the session role runs.
    pub(crate) session: Identity,
    /// What the session role keeps to.
    pub(crate) limits: Limits,
    /// How many auth processes there are.
    pub(crate) auth_processes: usize,
    /// What each auth process decides with.
    pub(crate) authenticator: ::auth::Authenticator,
    /// Who asks databases, LDAP and OAuth servers, if any is configured.
    pub(crate) directory: Option<Program>,
    /// Whose sessions are logged in logs of their own.
    pub(crate) user_logs: UserLogs,
    /// Where and how maildrop processes work.
    pub(crate) maildrops: workers::Maildrops,
    /// Where the log goes; `None` when every role writes its lines to standard error.
    pub(crate) log: Option<logger::Log>,
}

pub(crate) use directory::{Program, beside_this_program};
pub(crate) use logger::Log;
pub(crate) use workers::Maildrops;

/// Runs until SIGTERM or SIGINT. Returns the exit status.
///
/// # Errors
///
/// What keeps it from starting at all: signals, sockets or the first fork.
pub(crate) fn run(mut plan: Plan) -> std::io::Result<i32> {
    let signals = Signals::listen()?;
    let queue = seqpacket::pair()?;
    let now = Instant::now();
    let program = plan.directory.take();
    let directory = program.map(|program| Directory::new(program, plan.auth_processes, now)).transpose()?;
    let mut supervisor = Supervisor {
        auth: (0..plan.auth_processes).map(|_| Auth { running: None, restart: Restart::new(now) }).collect(),
        session: Session { running: None, generation: 0, restart: Restart::new(now) },
        directory,
        workers: Workers::default(),
        log: plan.log.take().map(|log| Logger::new(log, now)),
        queue: Queue { logins: queue.0, decisions: queue.1 },
        control: Control::new(plan.control.take()),
        began: now,
        signals,
        plan,
    };
    supervisor.start_due(now);
    Ok(supervisor.serve())
}

struct Supervisor {
    plan: Plan,
    signals: Signals,
    queue: Queue,
    session: Session,
    auth: Vec<Auth>,
    directory: Option<Directory>,
    workers: Workers,
    log: Option<Logger>,
    control: Control,
    began: Instant,
}

/// What the supervisor listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Signals,
    /// The auth process in this slot, which needs a maildrop process.
    Auth(usize),
    /// The session role, which answers a question.
    Session,
    /// mpopd-directory, which was just started.
    Directory,
    /// The control socket, to which somebody connects.
    Clients,
    /// The client of the control socket with this number.
    Client(u64),
}

/// Both ends of the login queue. The supervisor keeps them for the roles it will start, and so
/// that logins wait while one is restarted.
struct Queue {
    /// The session role's end.
    logins: OwnedFd,
    /// The end that all auth processes read.
    decisions: OwnedFd,
}

struct Session {
    /// The process, and the channel that steers it.
    running: Option<(Pid, OwnedFd)>,
    /// How many there were before this one.
    generation: u32,
    restart: Restart,
}

struct Auth {
    /// The process, and the channel on which it asks for maildrop processes.
    running: Option<(Pid, OwnedFd)>,
    restart: Restart,
}

impl Supervisor {
    fn serve(&mut self) -> i32 {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        loop {
            let ready = wait(self.sources(), self.next_start());
            loop {
                match self.signals.next() {
                    Ok(Some(Signal::Terminate)) => return self.stop(),
                    Ok(Some(Signal::Child)) => self.reap(),
                    Ok(Some(Signal::Hangup)) => self.reread(Rereading::Refresh),
                    Ok(Some(Signal::User1)) => self.reread(Rereading::Config),
                    Ok(Some(Signal::User2)) => self.log.iter().for_each(Logger::reopen),
                    Ok(None) => break,
                    Err(error) => {
                        tracing::error!("signals cannot be read: {error}");
                        return self.stop();
                    }
                }
            }
            for source in ready {
                match source {
                    Source::Signals => {}
                    Source::Auth(slot) => self.answer(slot, &mut buffer),
                    Source::Session => self.hear_session(&mut buffer),
                    Source::Directory => {
                        if let Some(directory) = &mut self.directory {
                            directory.attend(&mut buffer);
                        }
                    }
                    Source::Clients => self.control.admit(),
                    Source::Client(number) => self.obey(number, &mut buffer),
                }
            }
            self.start_due(Instant::now());
        }
    }

    /// Reads the configuration again, and tells those who wait for that what became of it.
    fn reread(&mut self, kind: Rereading) {
        tracing::warn!("this version cannot read its configuration again: the settings stay");
        self.control.tell(kind, &Verdict::kept("this version cannot read its configuration again"));
    }

    /// All that can be heard.
    fn sources(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        let auth = self.auth.iter().enumerate().filter_map(|(slot, auth)| {
            auth.running.as_ref().map(|(_, channel)| (Source::Auth(slot), channel.as_fd(), PollFlags::IN))
        });
        let session = self.session.running.iter();
        let session = session.map(|(_, steer)| (Source::Session, steer.as_fd(), PollFlags::IN));
        let directory = self.directory.as_ref().and_then(Directory::awaited);
        let directory = directory.into_iter().map(|word| (Source::Directory, word.as_fd(), PollFlags::IN));
        self.signals().chain(auth).chain(session).chain(directory).chain(self.control.sources())
    }

    fn signals(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        std::iter::once((Source::Signals, self.signals.as_fd(), PollFlags::IN))
    }

    /// Answers an auth process that needs a maildrop process.
    fn answer(&mut self, slot: usize, buffer: &mut [u8]) {
        let Some((pid, channel)) = self.auth.get(slot).and_then(|auth| auth.running.as_ref()) else { return };
        let wish = match receive::<Hire>(channel, buffer, Wait::No) {
            Ok(Some((wish, _))) => wish,
            Ok(None) => return, // it ended, and SIGCHLD says so
            Err(error) if error.would_block() => return,
            Err(error) => {
                tracing::error!("an auth process is ended: {error}");
                let _ = sys::process::signal(*pid, Kill::KILL);
                return;
            }
        };
        let steer = self.session.running.as_ref().map(|(_, channel)| channel);
        let sent = match self.workers.get(wish, &self.plan.maildrops, steer) {
            Ok((id, orders)) => send(channel, &Hired::Ready(id), &[orders.as_fd()], Wait::No),
            Err(error) => {
                tracing::error!("no maildrop process for uid {}: {error}", wish.uid);
                send(channel, &Hired::Failed, &[], Wait::No)
            }
        };
        if let Err(error) = sent {
            tracing::error!("an auth process does not take its answer: {error}");
        }
    }

    /// Takes note of the children that ended, and when to start their successors.
    fn reap(&mut self) {
        let now = Instant::now();
        for (child, ending) in self.ended() {
            match child {
                Child::Session => {
                    tracing::error!(
                        "session ended with {ending}, and with it all connections; it is restarted"
                    );
                    self.session.restart.ended(now);
                    self.control.session_lost();
                }
                Child::Auth(slot) => {
                    tracing::error!("auth ended with {ending}; it is restarted");
                    if let Some(auth) = self.auth.get_mut(slot) {
                        auth.restart.ended(now);
                    }
                }
                Child::Directory => {
                    tracing::error!("mpopd-directory ended with {ending}; it is restarted");
                }
                Child::Maildrop(uid) if ending == Ending::Exited(0) => {
                    tracing::debug!("maildrop process of uid {uid} had nothing to do any more");
                }
                Child::Maildrop(uid) => {
                    tracing::error!(
                        "maildrop process of uid {uid} ended with {ending}, and with it its sessions"
                    );
                }
            }
        }
    }

    /// The children that ended; they are running no more.
    fn ended(&mut self) -> Vec<(Child, Ending)> {
        let mut ended = Vec::new();
        while let Some((pid, ending)) = sys::process::reap() {
            let was = |running: &Option<(Pid, OwnedFd)>| {
                running.as_ref().is_some_and(|(running, _)| *running == pid)
            };
            if was(&self.session.running) {
                self.session.running = None;
                ended.push((Child::Session, ending));
            } else if let Some(slot) = self.auth.iter().position(|auth| was(&auth.running)) {
                if let Some(auth) = self.auth.get_mut(slot) {
                    auth.running = None;
                }
                ended.push((Child::Auth(slot), ending));
            } else if self.directory.as_mut().is_some_and(|directory| directory.ended(pid)) {
                ended.push((Child::Directory, ending));
            } else if self.log.as_mut().is_some_and(|log| log.ended(pid, ending, Instant::now())) {
                // It is started again when it is due.
            } else if let Some(uid) = self.workers.ended(pid) {
                ended.push((Child::Maildrop(uid), ending));
            }
        }
        ended
    }

    fn next_start(&self) -> Option<Instant> {
        let session = self.session.running.is_none().then(|| self.session.restart.due());
        let auth = self.auth.iter().filter(|auth| auth.running.is_none()).map(|auth| auth.restart.due());
        let directory = self.directory.as_ref().and_then(Directory::due);
        let log = self.log.as_ref().and_then(Logger::next_start);
        session.into_iter().chain(directory).chain(log).chain(auth).min()
    }

    /// Starts what is not running and whose time has come.
    fn start_due(&mut self, now: Instant) {
        // The first: it has room for what the others say.
        self.log.iter_mut().for_each(|log| log.start_due(now));
        if let Some(directory) = &mut self.directory {
            directory.start_due(now);
        }
        for slot in 0..self.auth.len() {
            let due =
                self.auth.get(slot).is_some_and(|auth| auth.running.is_none() && auth.restart.due() <= now);
            if due {
                let started = self.start_auth(slot);
                if let Some(auth) = self.auth.get_mut(slot) {
                    auth.restart.started(now);
                    auth.running = started
                        .inspect_err(|error| {
                            tracing::error!("auth cannot be started: {error}");
                            auth.restart.ended(now);
                        })
                        .ok();
                }
            }
        }
        if self.session.running.is_none() && self.session.restart.due() <= now {
            self.session.restart.started(now);
            match self.start_session() {
                Ok(running) => {
                    self.session.running = Some(running);
                    self.session.generation = self.session.generation.wrapping_add(1);
                }
                Err(error) => {
                    tracing::error!("session cannot be started: {error}");
                    self.session.restart.ended(now);
                }
            }
        }
    }

    fn start_auth(&mut self, slot: usize) -> std::io::Result<(Pid, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        let queue = &self.queue.decisions;
        let authenticator = &mut self.plan.authenticator;
        let directory = self.directory.as_ref().and_then(|directory| directory.channel(slot));
        let user_logs = &self.plan.user_logs;
        let mut keep = vec![queue.as_fd(), theirs.as_fd()];
        keep.extend(directory.map(AsFd::as_fd));
        keep.extend(user_logs.folder());
        let own = || directory.map(OwnedFd::try_clone).transpose().map_err(|error| error.to_string());
        // Only the child runs this, on its own copy of the memory.
        let pid = child::start(c"mpopd-auth", &keep, &Identity::Unchanged, own, |directory| {
            if let Some(channel) = directory {
                authenticator.use_directory(channel);
            }
            auth::run(auth::Channels { queue, hire: &theirs }, authenticator, user_logs)
        })?;
        Ok((pid, ours))
    }

    fn start_session(&self) -> std::io::Result<(Pid, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        let mut keep = vec![theirs.as_fd(), self.queue.logins.as_fd()];
        keep.extend(self.plan.listeners.iter().map(|listener| listener.socket.as_fd()));
        let generation = self.session.generation;
        let read_tls = || tls::load(&self.plan.tls);
        let pid = child::start(c"mpopd-session", &keep, &self.plan.session, read_tls, |tls| {
            let channels = session::Channels {
                listeners: &self.plan.listeners,
                logins: &self.queue.logins,
                steer: &theirs,
            };
            session::run(channels, Limits { tls, ..self.plan.limits.clone() }, generation)
        })?;
        Ok((pid, ours))
    }

    /// Ends all roles in an order that loses nothing: clients are told, commits are finished.
    fn stop(&mut self) -> i32 {
        tracing::info!("mpopd is closing");
        self.control.close();
        if let Some((pid, steer)) = &self.session.running
            && send(steer, &ToSession::ShutDown, &[], Wait::No).is_err()
        {
            let _ = sys::process::signal(*pid, Kill::KILL);
        }
        self.await_end("session", FAREWELL, Supervisor::session_pids);
        for pid in self.auth_pids() {
            let _ = sys::process::signal(pid, Kill::KILL);
        }
        self.await_end("auth", FAREWELL, Supervisor::auth_pids);
        for pid in self.directory_pids() {
            // It keeps nothing that could be half done.
            let _ = sys::process::signal(pid, Kill::KILL);
        }
        self.await_end("directory", FAREWELL, Supervisor::directory_pids);
        // With the session role their channel is gone: each ends by itself after what it is doing.
        self.await_end("maildrop", COMMIT, |supervisor| supervisor.workers.pids());
        tracing::info!("mpopd halted");
        self.log.iter_mut().for_each(Logger::finish);
        self.await_end("log", LAST_LINES, |supervisor| {
            supervisor.log.iter().flat_map(Logger::pids).collect()
        });
        0
    }

    /// Waits until no such process is left; kills what is left after `patience`.
    fn await_end(&mut self, role: &str, patience: Duration, left: impl Fn(&Supervisor) -> Vec<Pid>) {
        let until = Instant::now() + patience;
        loop {
            while let Ok(Some(_)) = self.signals.next() {}
            self.ended();
            let pids = left(self);
            if pids.is_empty() {
                return;
            }
            if Instant::now() >= until {
                for pid in pids {
                    tracing::error!("{role} process {} does not end and is killed", pid.as_raw_nonzero());
                    let _ = sys::process::signal(pid, Kill::KILL);
                }
                return;
            }
            wait(self.signals(), Some(until));
        }
    }

    fn session_pids(&self) -> Vec<Pid> {
        self.session.running.iter().map(|(pid, _)| *pid).collect()
    }

    fn directory_pids(&self) -> Vec<Pid> {
        self.directory.iter().filter_map(Directory::pid).collect()
    }

    fn auth_pids(&self) -> Vec<Pid> {
        self.auth.iter().flat_map(|auth| &auth.running).map(|(pid, _)| *pid).collect()
    }
}

/// Waits until something can be heard, or until the time. Returns what.
fn wait<'a>(
    sources: impl Iterator<Item = (Source, BorrowedFd<'a>, PollFlags)>,
    until: Option<Instant>,
) -> Vec<Source> {
    let (sources, mut polled): (Vec<Source>, Vec<PollFd<'_>>) =
        sources.map(|(source, fd, events)| (source, PollFd::from_borrowed_fd(fd, events))).unzip();
    let timeout =
        until.and_then(|until| Timespec::try_from(until.saturating_duration_since(Instant::now())).ok());
    if rustix::event::poll(&mut polled, timeout.as_ref()).is_err() {
        return Vec::new(); // interrupted: the loop comes again
    }
    let ready = sources.iter().zip(&polled).filter(|(_, polled)| !polled.revents().is_empty());
    ready.map(|(source, _)| *source).collect()
}

/// A child, as the supervisor knew it.
enum Child {
    Session,
    /// In this slot.
    Auth(usize),
    Directory,
    /// Of this uid.
    Maildrop(u32),
}
