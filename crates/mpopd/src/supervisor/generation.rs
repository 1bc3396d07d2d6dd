//! One generation: all roles that work by one reading of the configuration.
//!
//! When the configuration is re-read, a new generation starts beside this one with the same listening
//! sockets, and this one leaves: its sessions keep the settings, the certificates and the users with which
//! they began, because the processes that serve them are the same. Nothing is passed from one generation to
//! the next, so nothing can be half old and half new.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use ipc::hire::{Hire, Hired};
use ipc::report::Figures;
use ipc::steer::{FromSession, MOST_LOGINS, Question, Restarts, ToSession, Told};
use ipc::wire::{self, Wait};
use ipc::{LoginId, receive, send};
use rustix::process::{Pid, Signal};
use session_role::{Arrivals, tls};
use sys::process::Ending;
use sys::seqpacket;

use super::directory::DirectoryRole;
use super::restart::Restart;
use super::speaker::RoleSpeaker;
use super::workers::{EndedWorker, Workers};
use crate::plan::Plan;
use crate::process::child::{self, Identity, ProcessRole};
use crate::process::sandbox::Sandbox;

/// How long the session role may take to say goodbye to its clients and to carry out a QUIT.
const CLOSE_TIME: Duration = Duration::from_secs(10);
/// How long maildrop processes may take to finish a commit that is under way.
const COMMIT_TIME: Duration = Duration::from_secs(30);

/// The roles of one reading of the configuration.
pub(super) struct Generation {
    /// Counted from the supervisor's start.
    pub(super) number: u32,
    pub(super) plan: Plan,
    queue: LoginQueue,
    session: SessionRole,
    auth: Vec<AuthRole>,
    directory: Option<DirectoryRole>,
    workers: Workers,
    leave: Option<Departure>,
}

/// What the supervisor learns from a generation.
#[derive(Debug)]
pub(super) enum GenerationEvent {
    /// Its session role accepts connections.
    Ready,
    /// Its session role answers the question with this number. Descriptors may come with it.
    Answered(u64, Told, Vec<OwnedFd>),
    /// Its session role ends, and has counted this.
    Counted(Figures),
}

/// Both ends of the login queue. The supervisor keeps them for the roles that it starts, and so that logins
/// wait while one is restarted.
struct LoginQueue {
    /// The session role's end.
    logins: OwnedFd,
    /// The end that all auth processes read.
    decisions: OwnedFd,
}

struct SessionRole {
    /// The process, and the channel that steers it.
    running: Option<(Pid, OwnedFd)>,
    /// Whether one has ever begun to accept.
    ready: bool,
    restart: Restart,
}

struct AuthRole {
    /// The process, and the channel on which it asks for maildrop processes.
    running: Option<(Pid, OwnedFd)>,
    restart: Restart,
}

/// The end of a generation: first its session role ends, then the auth processes, then the maildrop
/// processes.
struct Departure {
    /// When the session role is killed, if it has not ended; `None` where its sessions may take their time.
    session_until: Option<Instant>,
    /// From when on no session of this generation can have a login under way.
    auth_until: Instant,
    /// When the maildrop processes are killed; known from the end of the session role on.
    maildrops_until: Option<Instant>,
}

impl Generation {
    /// A generation without any process yet.
    ///
    /// # Errors
    ///
    /// No more descriptors.
    pub(super) fn new(number: u32, mut plan: Plan, now: Instant) -> io::Result<Self> {
        let (logins, decisions) = seqpacket::pair()?;
        let program = plan.directory.take();
        let directory =
            program.map(|program| DirectoryRole::new(program, plan.auth_processes, now)).transpose()?;
        Ok(Self {
            number,
            auth: (0..plan.auth_processes)
                .map(|_| AuthRole { running: None, restart: Restart::new(now) })
                .collect(),
            session: SessionRole { running: None, ready: false, restart: Restart::new(now) },
            directory,
            workers: Workers::default(),
            queue: LoginQueue { logins, decisions },
            leave: None,
            plan,
        })
    }

    /// The channels from its processes.
    pub(super) fn channels(&self) -> impl Iterator<Item = (RoleSpeaker, &OwnedFd)> {
        let session = self.session.running.iter().map(|(_, steer)| (RoleSpeaker::Session, steer));
        let auth = self.auth.iter().enumerate();
        let auth = auth.filter_map(|(slot, auth)| {
            auth.running.as_ref().map(|(_, hire)| (RoleSpeaker::Auth(slot), hire))
        });
        let directory = self.directory.as_ref().and_then(DirectoryRole::awaited);
        session.chain(auth).chain(directory.map(|channel| (RoleSpeaker::Directory, channel)))
    }

    /// Asks the session role. Returns whether an answer can be expected.
    pub(super) fn ask(&self, number: u64, question: Question) -> bool {
        self.session.running.as_ref().is_some_and(|(_, steer)| {
            send(steer, &ToSession::Ask { number, question }, &[], Wait::No).is_ok()
        })
    }

    /// Tells the session role the restarts for its metrics.
    pub(super) fn tell(&self, restarts: Restarts) {
        if let Some((_, steer)) = &self.session.running {
            // Only a figure: the next one makes up for it.
            let _ = send(steer, &ToSession::Restarted(restarts), &[], Wait::No);
        }
    }

    /// Lets the session role refuse these logins, which nobody will answer.
    fn refuse(&self, logins: &[LoginId]) {
        let Some((_, steer)) = &self.session.running else { return };
        for some in logins.chunks(MOST_LOGINS) {
            // If there is no room, they wait until the session role gives them up by itself.
            let _ = send(steer, &ToSession::Unanswered(some.to_vec()), &[], Wait::No);
        }
    }

    /// The pid of its session role, if it runs.
    pub(super) fn session_pid(&self) -> Option<Pid> {
        self.session.running.as_ref().map(|(pid, _)| *pid)
    }

    /// What its session role said before it ended and the supervisor has not heard yet.
    pub(super) fn unheard_events(&self) -> Vec<GenerationEvent> {
        let mut events = Vec::new();
        let Some((_, steer)) = &self.session.running else { return events };
        let mut buffer = vec![0; wire::MOST_OCTETS];
        while let Ok(Some((message, descriptors))) = receive::<FromSession>(steer, &mut buffer, Wait::No) {
            events.push(event(message, descriptors));
        }
        events
    }

    /// Receives a message from one of its processes and answers it. Returns what concerns the supervisor.
    pub(super) fn hear(&mut self, role: RoleSpeaker, buffer: &mut [u8]) -> Option<GenerationEvent> {
        match role {
            RoleSpeaker::Session => return self.hear_session(buffer),
            RoleSpeaker::Auth(slot) => self.hear_auth(slot, buffer),
            RoleSpeaker::Directory => {
                if let Some(directory) = &mut self.directory {
                    directory.attend(buffer);
                }
            }
        }
        None
    }

    /// Notes that a child ended, and counts it as a restart if it was not told to end. Returns whether it
    /// belongs to this generation.
    pub(super) fn ended(&mut self, pid: Pid, ending: Ending, restarts: &mut Restarts, now: Instant) -> bool {
        let was =
            |running: &Option<(Pid, OwnedFd)>| running.as_ref().is_some_and(|(running, _)| *running == pid);
        let leaving = self.leave.is_some();
        if was(&self.session.running) {
            self.session.running = None;
            self.session.restart.ended(now);
            // Their channels led to that session role, so they end; the next one's logins need others.
            self.workers.relieve();
            match (&mut self.leave, ending) {
                (Some(leave), _) => {
                    leave.maildrops_until = Some(now + COMMIT_TIME);
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
        } else if let Some(EndedWorker { uid, unanswered }) = self.workers.ended(pid) {
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

    /// When [`Generation::start_due`] has something to do next, even if nothing else happens.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        let restart_session = self.leave.is_none() && self.session.running.is_none();
        let session = restart_session.then(|| self.session.restart.due());
        let idle = self.auth.iter().filter(|auth| auth.running.is_none() && self.needs_auth());
        let auth = idle.map(|auth| auth.restart.due());
        let directory = self.directory.as_ref().filter(|_| self.needs_auth()).and_then(DirectoryRole::due);
        let leave = self.leave.iter().flat_map(|leave| {
            let session = leave.session_until.filter(|_| self.session.running.is_some());
            let auth = self.auth.iter().any(|auth| auth.running.is_some()).then_some(leave.auth_until);
            [session, auth, leave.maildrops_until]
        });
        session.into_iter().chain(directory).chain(auth).chain(leave.flatten()).min()
    }

    /// Starts the processes that are due, and kills those whose time is up. `session` counts the session
    /// roles of all generations.
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

    /// Whether its session role ended before it was ready: restarting it would not help.
    pub(super) fn has_failed(&self) -> bool {
        !self.session.ready && self.session.running.is_none()
    }

    /// Accepts no more connections; its sessions go on for as long as they like.
    pub(super) fn retire(&mut self, now: Instant) {
        // A connection accepted just now has its time to log in, and its login may take that long.
        let auth_until = now + self.plan.session.login_timeout + ipc::login::DEADLINE * 3;
        self.leave(ToSession::Retire, None, auth_until, now);
    }

    /// Ends in an order that loses nothing: clients are told, commits are finished.
    pub(super) fn shut_down(&mut self, now: Instant) {
        let until = now + CLOSE_TIME;
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
            && self.directory.as_ref().and_then(DirectoryRole::pid).is_none()
            && self.workers.pids().is_empty()
    }

    fn leave(&mut self, order: ToSession, session_until: Option<Instant>, auth_until: Instant, now: Instant) {
        // The session role closes its own descriptors of the sockets.
        self.plan.arrivals = Arrivals::Listeners(Vec::new());
        self.plan.metrics = None;
        let maildrops_until = match &self.session.running {
            Some((pid, steer)) => {
                if send(steer, &order, &[], Wait::No).is_err() {
                    let _ = sys::process::signal(*pid, Signal::KILL);
                }
                None
            }
            None => Some(now + COMMIT_TIME),
        };
        self.leave = Some(Departure { session_until, auth_until, maildrops_until });
        self.tick(now);
    }

    /// Kills what has had its time.
    fn tick(&mut self, now: Instant) {
        let needs_auth = self.needs_auth_at(now);
        let Some(leave) = &mut self.leave else { return };
        let kill = |role: &str, pid: Pid| {
            tracing::error!("{role} process {} does not end and is killed", pid.as_raw_nonzero());
            let _ = sys::process::signal(pid, Signal::KILL);
        };
        if let Some((pid, _)) = &self.session.running
            && leave.session_until.is_some_and(|until| until <= now)
        {
            leave.session_until = Some(now + CLOSE_TIME);
            kill("session", *pid);
        }
        if !needs_auth {
            // Neither can leave anything half done.
            let auth = self.auth.iter().filter_map(|auth| auth.running.as_ref()).map(|(pid, _)| *pid);
            for pid in auth.chain(self.directory.as_ref().and_then(DirectoryRole::pid)) {
                let _ = sys::process::signal(pid, Signal::KILL);
            }
        }
        // Their channel is gone with the session role: each ends by itself when its work is done.
        if leave.maildrops_until.is_some_and(|until| until <= now) {
            leave.maildrops_until = Some(now + COMMIT_TIME);
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

    fn hear_session(&mut self, buffer: &mut [u8]) -> Option<GenerationEvent> {
        let (pid, steer) = self.session.running.as_ref()?;
        match receive::<FromSession>(steer, buffer, Wait::No) {
            Ok(Some((message, descriptors))) => {
                self.session.ready |= matches!(message, FromSession::Ready);
                return Some(event(message, descriptors));
            }
            Err(error) if error.would_block() => {}
            // Usually it has just ended, and SIGCHLD says so. If not, it must: nothing can steer it any more.
            Ok(None) => {
                let _ = sys::process::signal(*pid, Signal::KILL);
            }
            Err(error) => {
                tracing::error!("the session process is ended: {error}");
                let _ = sys::process::signal(*pid, Signal::KILL);
            }
        }
        None
    }

    /// Answers an auth process that needs a maildrop process.
    fn hear_auth(&mut self, slot: usize, buffer: &mut [u8]) {
        let Some((pid, channel)) = self.auth.get(slot).and_then(|auth| auth.running.as_ref()) else { return };
        let request = match receive::<Hire>(channel, buffer, Wait::No) {
            Ok(Some((request, _))) => request,
            Ok(None) => return, // it ended, and SIGCHLD says so
            Err(error) if error.would_block() => return,
            Err(error) => {
                tracing::error!("an auth process is ended: {error}");
                let _ = sys::process::signal(*pid, Signal::KILL);
                return;
            }
        };
        let steer = self.session.running.as_ref().map(|(_, channel)| channel);
        let uid = request.post.uid;
        let sent = match self.workers.get(request, &self.plan.maildrops, steer) {
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
        // When auth is not root, PAM has helpers that become root.
        let sandbox = sys::identity::is_root().then_some(Sandbox::Modules);
        let becomes = ProcessRole { name: c"mpopd-auth", identity: &Identity::Unchanged, sandbox };
        // Only the child runs this, on its own copy of the memory.
        let role = |given: Vec<OwnedFd>, ()| {
            if let Some(channel) = given.into_iter().next() {
                authenticator.use_directory(channel);
            }
            auth_role::run(auth_role::Channels { queue, hire: &theirs }, authenticator, user_logs, roots)
        };
        let pid = child::start(&becomes, &keep, given, || Ok::<_, Infallible>(()), role)?;
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
        let becomes = ProcessRole {
            name: c"mpopd-session",
            identity: &plan.session_identity,
            sandbox: Some(Sandbox::Session),
        };
        let pid = child::start(&becomes, &keep, given, read_tls, |mut given, tls| {
            let metrics = plan.metrics.as_ref().and_then(|_| given.pop());
            let channels = session_role::Channels {
                arrivals: plan.arrivals.under(given),
                metrics,
                logins: &self.queue.logins,
                steer: &theirs,
            };
            session_role::run(channels, session_role::Settings { tls, ..plan.session.clone() }, number)
        })?;
        Ok((pid, ours))
    }
}

fn event(message: FromSession, descriptors: Vec<OwnedFd>) -> GenerationEvent {
    match message {
        FromSession::Ready => GenerationEvent::Ready,
        FromSession::Answer { number, told } => GenerationEvent::Answered(number, told, descriptors),
        FromSession::Ending(figures) => GenerationEvent::Counted(figures),
    }
}
