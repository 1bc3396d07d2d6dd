//! One generation: all the roles that work by one reading of the configuration.
//!
//! When the configuration is re-read, a new generation is started beside this one, with the same listening sockets, and this one
//! leaves: its sessions keep the settings, the certificates and the users with which they began, because the processes that serve
//! them are the same. Nothing is handed from one generation to the next, so nothing can be half old and half new.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc::hire::{Hire, Hired};
use ipc::report::Figures;
use ipc::steer::{FromSession, MOST_LOGINS, Question, Restarts, ToSession, Told};
use ipc::wire::{self, Wait};
use ipc::{LoginId, receive, send};
use rustix::process::{Pid, Signal as Kill};
use sys::process::Ending;
use sys::seqpacket;

use super::Plan;
use super::directory::Directory;
use super::restart::Restart;
use super::workers::{Ended, Workers};
use crate::supervisor::child::{self, Identity, Part};
use crate::supervisor::seal::Seal;
use auth_role;
use session_role::tls;
use session_role::{self, Limits};

/// How long the session role has to take leave of its clients, and a QUIT to be carried out.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long maildrop processes have to end a commit under way.
const COMMIT: Duration = Duration::from_secs(30);

/// The roles of one reading of the configuration.
pub(super) struct Generation {
    /// Counted from the supervisor's start.
    pub(super) number: u32,
    pub(super) plan: Plan,
    queue: Queue,
    session: Session,
    auth: Vec<Auth>,
    directory: Option<Directory>,
    workers: Workers,
    leave: Option<Leave>,
}

/// Who in a generation has something to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Session,
    /// In this slot.
    Auth(usize),
    Directory,
}

/// What the supervisor learns by listening to a generation.
#[derive(Debug)]
pub(super) enum Heard {
    /// Its session role accepts connections.
    Ready,
    /// Its session role answers this question. Descriptors may come with it.
    Answer(u64, Told, Vec<OwnedFd>),
    /// Its session role ends, and has counted this.
    Counted(Figures),
    /// Nothing that concerns others.
    Nothing,
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
    /// Whether one has ever begun to accept.
    ready: bool,
    restart: Restart,
}

struct Auth {
    /// The process, and the channel on which it asks for maildrop processes.
    running: Option<(Pid, OwnedFd)>,
    restart: Restart,
}

/// The end of a generation: first its session role ends, then the auth processes, then the maildrop processes.
struct Leave {
    /// When the session role is killed, if it has not ended; `None` where its sessions may take their time.
    session_until: Option<Instant>,
    /// From when on no session of this generation can have a login under way.
    auth_until: Instant,
    /// When the maildrop processes are killed; known from the end of the session role on.
    maildrops_until: Option<Instant>,
}

impl Generation {
    /// A generation of which no process runs yet.
    ///
    /// # Errors
    ///
    /// No more descriptors.
    pub(super) fn new(number: u32, mut plan: Plan, now: Instant) -> io::Result<Generation> {
        let (logins, decisions) = seqpacket::pair()?;
        let program = plan.directory.take();
        let directory =
            program.map(|program| Directory::new(program, plan.auth_processes, now)).transpose()?;
        Ok(Generation {
            number,
            auth: (0..plan.auth_processes)
                .map(|_| Auth { running: None, restart: Restart::new(now) })
                .collect(),
            session: Session { running: None, ready: false, restart: Restart::new(now) },
            directory,
            workers: Workers::default(),
            queue: Queue { logins, decisions },
            leave: None,
            plan,
        })
    }

    /// The channels on which its processes may speak.
    pub(super) fn channels(&self) -> impl Iterator<Item = (Voice, &OwnedFd)> {
        let session = self.session.running.iter().map(|(_, steer)| (Voice::Session, steer));
        let auth = self.auth.iter().enumerate();
        let auth =
            auth.filter_map(|(slot, auth)| auth.running.as_ref().map(|(_, hire)| (Voice::Auth(slot), hire)));
        let directory = self.directory.as_ref().and_then(Directory::awaited);
        session.chain(auth).chain(directory.map(|channel| (Voice::Directory, channel)))
    }

    /// Asks the session role. Returns whether it can be expected to answer.
    pub(super) fn ask(&self, number: u64, question: Question) -> bool {
        self.session.running.as_ref().is_some_and(|(_, steer)| {
            send(steer, &ToSession::Ask { number, question }, &[], Wait::No).is_ok()
        })
    }

    /// Tells the session role what to show of the restarts.
    pub(super) fn tell(&self, restarts: Restarts) {
        if let Some((_, steer)) = &self.session.running {
            // Only a figure: the next one makes up for it.
            let _ = send(steer, &ToSession::Restarted(restarts), &[], Wait::No);
        }
    }

    /// Has the clients of these logins told that there is no answer.
    fn refuse(&self, logins: &[LoginId]) {
        let Some((_, steer)) = &self.session.running else { return };
        for some in logins.chunks(MOST_LOGINS) {
            // Where there is no room for it, they wait until the session role gives them up by itself.
            let _ = send(steer, &ToSession::Unanswered(some.to_vec()), &[], Wait::No);
        }
    }

    /// Its session role, if it runs.
    pub(super) fn session_pid(&self) -> Option<Pid> {
        self.session.running.as_ref().map(|(pid, _)| *pid)
    }

    /// What its session role, which has ended, said before that and nobody has heard yet.
    pub(super) fn last_words(&self) -> Vec<Heard> {
        let mut words = Vec::new();
        let Some((_, steer)) = &self.session.running else { return words };
        let mut buffer = vec![0; wire::MOST_OCTETS];
        while let Ok(Some((said, descriptors))) = receive::<FromSession>(steer, &mut buffer, Wait::No) {
            words.push(heard(said, descriptors));
        }
        words
    }

    /// Hears what one of its processes says, and answers.
    pub(super) fn hear(&mut self, voice: Voice, buffer: &mut [u8]) -> Heard {
        match voice {
            Voice::Session => return self.hear_session(buffer),
            Voice::Auth(slot) => self.hear_auth(slot, buffer),
            Voice::Directory => {
                if let Some(directory) = &mut self.directory {
                    directory.attend(buffer);
                }
            }
        }
        Heard::Nothing
    }

    /// Takes note of a child's end, and counts it if nobody wanted it. Returns whether it was one of this generation's.
    pub(super) fn ended(&mut self, pid: Pid, ending: Ending, restarts: &mut Restarts, now: Instant) -> bool {
        let was =
            |running: &Option<(Pid, OwnedFd)>| running.as_ref().is_some_and(|(running, _)| *running == pid);
        let leaving = self.leave.is_some();
        if was(&self.session.running) {
            self.session.running = None;
            self.session.restart.ended(now);
            // Their channels led to that session role, and they end; the next one's logins need others.
            self.workers.relieve();
            match (&mut self.leave, ending) {
                (Some(leave), _) => {
                    leave.maildrops_until = Some(now + COMMIT);
                    if ending != Ending::Exited(0) {
                        tracing::error!("session ended with {ending}, and with it its last connections");
                    }
                }
                (None, _) if !self.session.ready => tracing::error!("session ended with {ending}"),
                (None, _) => {
                    restarts.session += 1;
                    tracing::error!(
                        "session ended with {ending}, and with it all connections; it is restarted"
                    );
                }
            }
            self.tick(now);
        } else if let Some(auth) = self.auth.iter_mut().find(|auth| was(&auth.running)) {
            auth.running = None;
            auth.restart.ended(now);
            if !leaving {
                restarts.auth += 1;
                tracing::error!("auth ended with {ending}; it is restarted");
            }
        } else if self.directory.as_mut().is_some_and(|directory| directory.ended(pid)) {
            if !leaving {
                restarts.directory += 1;
                tracing::error!("mpopd-directory ended with {ending}; it is restarted");
            }
        } else if let Some(Ended { uid, unanswered }) = self.workers.ended(pid) {
            self.refuse(&unanswered);
            match ending {
                Ending::Exited(0) => {
                    tracing::debug!("maildrop process of uid {uid} had nothing to do any more");
                }
                _ => {
                    restarts.maildrop += 1;
                    tracing::error!(
                        "maildrop process of uid {uid} ended with {ending}, and with it its sessions"
                    );
                }
            }
        } else {
            return false;
        }
        true
    }

    /// When [`Generation::tick`] has something to do next, whatever else happens.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let restart_session = self.leave.is_none() && self.session.running.is_none();
        let session = restart_session.then(|| self.session.restart.due());
        let idle = self.auth.iter().filter(|auth| auth.running.is_none() && self.needs_auth());
        let auth = idle.map(|auth| auth.restart.due());
        let directory = self.directory.as_ref().filter(|_| self.needs_auth()).and_then(Directory::due);
        let leave = self.leave.iter().flat_map(|leave| {
            let session = leave.session_until.filter(|_| self.session.running.is_some());
            let auth = self.auth.iter().any(|auth| auth.running.is_some()).then_some(leave.auth_until);
            [session, auth, leave.maildrops_until]
        });
        session.into_iter().chain(directory).chain(auth).chain(leave.flatten()).min()
    }

    /// Starts what is not running and whose time has come, and ends what had its time. `session` counts the session roles of
    /// all generations.
    pub(super) fn start_due(&mut self, session: &mut u32, now: Instant) {
        let needs_auth = self.needs_auth_at(now);
        if let Some(directory) = self.directory.as_mut().filter(|_| needs_auth) {
            directory.start_due(now);
        }
        for slot in 0..self.auth.len() {
            let due =
                self.auth.get(slot).is_some_and(|auth| auth.running.is_none() && auth.restart.due() <= now);
            if due && needs_auth {
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
        let due = self.session.running.is_none() && self.session.restart.due() <= now;
        if due && self.leave.is_none() {
            self.session.restart.started(now);
            match self.start_session(*session) {
                Ok(running) => {
                    self.session.running = Some(running);
                    *session = session.wrapping_add(1);
                }
                Err(error) => {
                    tracing::error!("session cannot be started: {error}");
                    self.session.restart.ended(now);
                }
            }
        }
        self.tick(now);
    }

    /// Whether its session role has ended before it was ready: it will not become so by being started again.
    pub(super) fn has_failed(&self) -> bool {
        !self.session.ready && self.session.running.is_none()
    }

    /// Accepts no more; its sessions go on for as long as they like.
    pub(super) fn retire(&mut self, now: Instant) {
        // A connection that is accepted just now has its time to log in, and its login may take so long.
        let auth_until = now + self.plan.limits.login_timeout + ipc::login::DEADLINE * 3;
        self.leave(ToSession::Retire, None, auth_until, now);
    }

    /// Ends, in an order that loses nothing: clients are told, commits are finished.
    pub(super) fn shut_down(&mut self, now: Instant) {
        let until = now + FAREWELL;
        let sooner = self.leave.as_ref().and_then(|leave| leave.session_until);
        self.leave(ToSession::ShutDown, Some(sooner.map_or(until, |sooner| sooner.min(until))), until, now);
    }

    /// Whether its sessions were told to end.
    pub(super) fn is_shutting_down(&self) -> bool {
        self.leave.as_ref().is_some_and(|leave| leave.session_until.is_some())
    }

    /// Whether nothing of it is left.
    pub(super) fn is_gone(&self) -> bool {
        self.leave.is_some()
            && self.session.running.is_none()
            && self.auth.iter().all(|auth| auth.running.is_none())
            && self.directory.as_ref().and_then(Directory::pid).is_none()
            && self.workers.pids().is_empty()
    }

    fn leave(&mut self, order: ToSession, session_until: Option<Instant>, auth_until: Instant, now: Instant) {
        // The session role closes its own descriptors of them.
        self.plan.arrivals = session_role::Arrivals::Listeners(Vec::new());
        self.plan.metrics = None;
        let maildrops_until = match &self.session.running {
            Some((pid, steer)) => {
                if send(steer, &order, &[], Wait::No).is_err() {
                    let _ = sys::process::signal(*pid, Kill::KILL);
                }
                None
            }
            None => Some(now + COMMIT),
        };
        self.leave = Some(Leave { session_until, auth_until, maildrops_until });
        self.tick(now);
    }

    /// Ends what has had its time.
    fn tick(&mut self, now: Instant) {
        let needs_auth = self.needs_auth_at(now);
        let Some(leave) = &mut self.leave else { return };
        let kill = |role: &str, pid: Pid| {
            tracing::error!("{role} process {} does not end and is killed", pid.as_raw_nonzero());
            let _ = sys::process::signal(pid, Kill::KILL);
        };
        if let Some((pid, _)) = &self.session.running
            && leave.session_until.is_some_and(|until| until <= now)
        {
            leave.session_until = Some(now + FAREWELL);
            kill("session", *pid);
        }
        if !needs_auth {
            // Neither keeps anything that could be half done.
            let auth = self.auth.iter().filter_map(|auth| auth.running.as_ref()).map(|(pid, _)| *pid);
            for pid in auth.chain(self.directory.as_ref().and_then(Directory::pid)) {
                let _ = sys::process::signal(pid, Kill::KILL);
            }
        }
        // With the session role their channel is gone: each ends by itself after what it is doing.
        if leave.maildrops_until.is_some_and(|until| until <= now) {
            leave.maildrops_until = Some(now + COMMIT);
            self.workers.pids().into_iter().for_each(|pid| kill("maildrop", pid));
        }
    }

    fn needs_auth(&self) -> bool {
        self.needs_auth_at(Instant::now())
    }

    fn needs_auth_at(&self, now: Instant) -> bool {
        match &self.leave {
            None => true,
            Some(leave) => self.session.running.is_some() && now < leave.auth_until,
        }
    }

    fn hear_session(&mut self, buffer: &mut [u8]) -> Heard {
        let Some((pid, steer)) = &self.session.running else { return Heard::Nothing };
        match receive::<FromSession>(steer, buffer, Wait::No) {
            Ok(Some((said, descriptors))) => {
                self.session.ready |= matches!(said, FromSession::Ready);
                return heard(said, descriptors);
            }
            Err(error) if error.would_block() => {}
            // Mostly it has just ended, and SIGCHLD says so. If not, it shall: nobody can steer it any more.
            Ok(None) => {
                let _ = sys::process::signal(*pid, Kill::KILL);
            }
            Err(error) => {
                tracing::error!("the session process is ended: {error}");
                let _ = sys::process::signal(*pid, Kill::KILL);
            }
        }
        Heard::Nothing
    }

    /// Answers an auth process that needs a maildrop process.
    fn hear_auth(&mut self, slot: usize, buffer: &mut [u8]) {
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
        let uid = wish.post.uid;
        let sent = match self.workers.get(wish, &self.plan.maildrops, steer) {
            Ok((id, orders)) => send(channel, &Hired::Ready(id), &[orders.as_fd()], Wait::No),
            Err(error) => {
                tracing::error!("no maildrop process for uid {uid}: {error}");
                send(channel, &Hired::Failed, &[], Wait::No)
            }
        };
        if let Err(error) = sent {
            tracing::error!("an auth process does not take its answer: {error}");
        }
    }

    fn start_auth(&mut self, slot: usize) -> io::Result<(Pid, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        let queue = &self.queue.decisions;
        let authenticator = &mut self.plan.authenticator;
        let directory = self.directory.as_ref().and_then(|directory| directory.channel(slot));
        let given: Vec<OwnedFd> = directory.map(OwnedFd::try_clone).transpose()?.into_iter().collect();
        let user_logs = &self.plan.user_logs;
        let mut keep = vec![queue.as_fd(), theirs.as_fd()];
        keep.extend(user_logs.folder());
        let roots = &self.plan.maildrops.roots;
        // Where it is not root, PAM has helpers that become it.
        let seal = sys::identity::is_root().then_some(Seal::Modules);
        let part = Part { name: c"mpopd-auth", identity: &Identity::Unchanged, seal };
        // Only the child runs this, on its own copy of the memory.
        let role = |given: Vec<OwnedFd>, ()| {
            if let Some(channel) = given.into_iter().next() {
                authenticator.use_directory(channel);
            }
            auth_role::run(auth_role::Channels { queue, hire: &theirs }, authenticator, user_logs, roots)
        };
        let pid = child::start(&part, &keep, given, || Ok(()), role)?;
        Ok((pid, ours))
    }

    fn start_session(&self, number: u32) -> io::Result<(Pid, OwnedFd)> {
        let (ours, theirs) = seqpacket::pair()?;
        let plan = &self.plan;
        let mut sockets: Vec<BorrowedFd<'_>> = plan.arrivals.sockets();
        sockets.extend(plan.metrics.iter().map(|listener| listener.socket.as_fd()));
        let given = sockets.iter().map(BorrowedFd::try_clone_to_owned).collect::<io::Result<_>>()?;
        let keep = [theirs.as_fd(), self.queue.logins.as_fd()];
        let read_tls = || tls::load(&plan.tls);
        let part = Part { name: c"mpopd-session", identity: &plan.session, seal: Some(Seal::Session) };
        let pid = child::start(&part, &keep, given, read_tls, |mut given, tls| {
            let metrics = plan.metrics.as_ref().and_then(|_| given.pop());
            let channels = session_role::Channels {
                arrivals: plan.arrivals.under(given),
                metrics,
                logins: &self.queue.logins,
                steer: &theirs,
            };
            session_role::run(channels, Limits { tls, ..plan.limits.clone() }, number)
        })?;
        Ok((pid, ours))
    }
}

fn heard(said: FromSession, descriptors: Vec<OwnedFd>) -> Heard {
    match said {
        FromSession::Ready => Heard::Ready,
        FromSession::Answer { number, told } => Heard::Answer(number, told, descriptors),
        FromSession::Ending(figures) => Heard::Counted(figures),
    }
}
