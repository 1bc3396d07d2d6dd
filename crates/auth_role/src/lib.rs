//! The auth role: decides who may log in, and orders the maildrop processes to open maildrops.
//!
//! Runs as root, in several equal processes that all read one queue: the kernel hands each login
//! to an idle one. It blocks, it does one login at a time, and it parses nothing from the network
//! but the two texts of a login. Code that hangs is cut off by a timer that kills the process.
#![forbid(unsafe_code)]

mod exchanges;
mod reach;
mod user_logs;

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};

use ::auth::sasl::{self, Exchange, Progress};
use ::auth::{Account, Authenticator, Refusal};
use ipc::hire::{Hire, Hired, Post, WorkerId};
use ipc::login::{Attempt, Challenge, DEADLINE, Decision, Login, Reaction, Refused, Response, Said};
use ipc::open::Open;
use ipc::wire::{self, Wait};
use ipc::{LoginId, Secret, Ticket, receive, send};
use sys::deadline::Deadline;
use sys::seqpacket;
use vocabulary::{LoginFailure, SaslMechanism, Words};

use exchanges::{Due, Exchanges, Waiting};

use logging::Untrusted;
pub use reach::Roots;
pub use user_logs::UserLogs;

/// The most maildrop processes that one auth process remembers. Each is a descriptor, and modules of PAM may know select(2)
/// alone, which stops at 1024.
const MOST_REMEMBERED: usize = 512;

/// The ends of the channels that this role has.
pub struct Channels<'a> {
    /// Logins come here, shared with all other auth processes; refusals go back.
    pub queue: &'a OwnedFd,
    /// To the supervisor, for maildrop processes.
    pub hire: &'a OwnedFd,
}

/// Runs the role until the session side or the supervisor is gone. Returns the exit status.
pub fn run(
    channels: Channels<'_>,
    authenticator: &mut Authenticator,
    user_logs: &UserLogs,
    roots: &Roots,
) -> i32 {
    let deadline = match Deadline::new() {
        Ok(deadline) => deadline,
        Err(error) => {
            tracing::error!("auth cannot start: no timer: {error}");
            return 1;
        }
    };
    // Before the first login waits for it. What is to be said about them has been said.
    authenticator.warm();
    drop(authenticator.take_remarks());
    let buffer = vec![0; wire::MOST_OCTETS];
    Auth {
        channels,
        authenticator,
        user_logs,
        roots,
        deadline,
        workers: HashMap::new(),
        exchanges: Exchanges::default(),
        buffer,
    }
    .serve()
}

/// A maildrop process that this process can give orders to.
struct Worker {
    id: WorkerId,
    orders: OwnedFd,
    /// For which session role it was hired. Its answers reach no other.
    session: u32,
}

struct Auth<'a> {
    channels: Channels<'a>,
    authenticator: &'a mut Authenticator,
    user_logs: &'a UserLogs,
    roots: &'a Roots,
    deadline: Deadline,
    /// Kept for the life of this process: a dead one is noticed when it is next needed.
    workers: HashMap<Post, Worker>,
    exchanges: Exchanges,
    buffer: Vec<u8>,
}

/// LoginFailure an accepted login does not reach its maildrop.
enum Unreachable {
    /// The maildrop process is gone, and another must be hired.
    Gone,
    /// Something of ours failed.
    Failed(String),
}

impl Auth<'_> {
    fn serve(&mut self) -> i32 {
        loop {
            let served = match self.exchanges.is_empty() {
                true => self.serve_login(Wait::Forever),
                false => match self.exchanges.wait(self.channels.queue) {
                    Due::Login => self.serve_login(Wait::No),
                    Due::Answer(waiting) => {
                        self.serve_answer(waiting);
                        Ok(true)
                    }
                },
            };
            for remark in self.authenticator.take_remarks() {
                tracing::warn!("{remark}");
            }
            match served {
                Ok(true) => {}
                Ok(false) => return 0,
                Err(error) => {
                    tracing::error!("auth ends: {error}");
                    return 1;
                }
            }
        }
    }

    /// Takes one login from the queue. Returns whether there can be another.
    fn serve_login(&mut self, wait: Wait) -> Result<bool, wire::Error> {
        let login = match receive::<Login>(self.channels.queue, &mut self.buffer, wait) {
            Ok(Some((login, _))) => login,
            Ok(None) => return Ok(false),
            Err(error) if error.would_block() => return Ok(true),
            Err(error) => return Err(error),
        };
        // Without its timer a login may hang, but it is still decided rightly.
        let _ = self.deadline.arm(DEADLINE);
        let mut channel = None;
        let said = match &login.attempt {
            Attempt::Name { user } => Some(self.name(user, &login)),
            Attempt::Password { user, password } => match self.password(user, password.expose(), &login) {
                Ok(()) => None,
                Err(why) => Some(Said::Refused(Refused { why, user: user.clone() })),
            },
            Attempt::Sasl { .. } => {
                let (said, ours) = self.begin_exchange(&login);
                channel = ours;
                said
            }
        };
        let _ = self.deadline.disarm();
        match said {
            Some(said) => {
                let descriptors: Vec<_> = channel.iter().map(AsFd::as_fd).collect();
                send(self.channels.queue, &Decision { id: login.id, said }, &descriptors, Wait::Forever)
                    .map(|()| true)
            }
            None => Ok(true),
        }
    }

    /// Begins an exchange. When it needs another step, a channel for the client's answers goes with what is said.
    fn begin_exchange(&mut self, login: &Login) -> (Option<Said>, Option<OwnedFd>) {
        let Attempt::Sasl { mechanism, initial, binding, certificate } = &login.attempt else {
            return (None, None);
        };
        let refused = |why| (Some(Said::Refused(Refused { why, user: Vec::new() })), None);
        let Some(mechanism) = SaslMechanism::from_word(mechanism) else {
            return refused(LoginFailure::Temporary);
        };
        let client = sasl::Client {
            peer: login.peer,
            channel_binding: binding.clone().map(Vec::into_boxed_slice),
            certificate: certificate.clone().map(Vec::into_boxed_slice),
        };
        let initial = initial.as_ref().map(Secret::expose);
        match Exchange::begin(mechanism, initial, client, self.authenticator) {
            Progress::Challenge(challenge, exchange) => match seqpacket::pair() {
                Ok((ours, theirs)) => {
                    self.exchanges.push(Waiting::new(login.id, login.utf8, ours, exchange));
                    (Some(Said::Challenge(Challenge(challenge))), Some(theirs))
                }
                Err(error) => {
                    tracing::error!("no channel for a login in several steps: {error}");
                    refused(LoginFailure::Temporary)
                }
            },
            Progress::Done(account) => match self.admit(login.id, login.utf8, &account) {
                Ok(()) => (None, None),
                Err(refused) => (Some(Said::Refused(refused)), None),
            },
            Progress::Refused(no) => (Some(Said::Refused(refusal(no))), None),
        }
    }

    /// Goes on with an exchange whose client has answered. Whoever is gone is forgotten.
    fn serve_answer(&mut self, waiting: Waiting) {
        let Waiting { login, utf8, channel, exchange, .. } = waiting;
        let Ok(Some((Response(response), _))) = receive(&channel, &mut self.buffer, Wait::No) else { return };
        let _ = self.deadline.arm(DEADLINE);
        let progress = exchange.answer(response.expose(), self.authenticator);
        let (reaction, next) = match progress {
            Progress::Challenge(challenge, exchange) => {
                (Reaction::Challenge(Challenge(challenge)), Some(exchange))
            }
            Progress::Done(account) => match self.admit(login, utf8, &account) {
                Ok(()) => (Reaction::Accepted, None),
                Err(refused) => (Reaction::Refused(refused), None),
            },
            Progress::Refused(no) => (Reaction::Refused(refusal(no)), None),
        };
        let _ = self.deadline.disarm();
        let sent = send(&channel, &reaction, &[], Wait::No);
        if let (Ok(()), Some(exchange)) = (sent, next) {
            self.exchanges.push(Waiting::new(login, utf8, channel, exchange));
        }
    }

    /// Whether there is such a user.
    fn name(&mut self, user: &[u8], login: &Login) -> Said {
        match self.authenticator.knows(user, login.peer) {
            Ok(true) => Said::Known,
            Ok(false) => Said::Refused(Refused { why: LoginFailure::UnknownUser, user: user.to_vec() }),
            Err(refusal) => Said::Refused(Refused { why: why(user, &refusal), user: user.to_vec() }),
        }
    }

    fn password(&mut self, user: &[u8], password: &[u8], login: &Login) -> Result<(), LoginFailure> {
        let account =
            self.authenticator.login(user, password, login.peer).map_err(|refusal| why(user, &refusal))?;
        self.admit(login.id, login.utf8, &account).map_err(|refused| refused.why)
    }

    /// Has the maildrop of a user opened who is who they say: the maildrop process answers.
    fn admit(&mut self, login: LoginId, utf8: bool, account: &Account) -> Result<(), Refused> {
        self.open(login, utf8, account).map_err(|cause| {
            let user = account.user.as_str().as_bytes().to_vec();
            tracing::error!("user={} has no maildrop process: {cause}", Untrusted(&user));
            Refused { why: LoginFailure::Temporary, user }
        })
    }

    fn open(&mut self, login: LoginId, utf8: bool, account: &Account) -> Result<(), String> {
        let post = Post { uid: account.uid.get(), gid: account.gid, reach: self.roots.reach(account) };
        // A user whose log cannot be written reads mail all the same.
        let log = self.user_logs.of(&account.user, post.uid, post.gid).unwrap_or_else(|error| {
            let user = Untrusted(account.user.as_str().as_bytes());
            tracing::warn!("the own log of user={user} cannot be opened: {error}");
            None
        });
        let order = Open {
            login,
            ticket: Ticket::issue().map_err(|error| format!("no random numbers: {error}"))?,
            user: account.user.as_str().to_owned(),
            storage: account.maildrop.storage,
            path: account.maildrop.path.as_path().into(),
            user_log: log.as_ref().map(|(detail, _)| *detail),
            utf8,
        };
        // The first process may have ended since it was last used, a second one has not.
        let mut gone = None;
        for _ in 0..2 {
            match self.order(&post, gone, &order, log.as_ref().map(|(_, file)| file)) {
                Ok(()) => return Ok(()),
                Err(Unreachable::Gone) => gone = self.workers.remove(&post).map(|worker| worker.id),
                Err(Unreachable::Failed(cause)) => return Err(cause),
            }
        }
        Err("it ends as soon as it is started".to_owned())
    }

    fn order(
        &mut self,
        post: &Post,
        instead_of: Option<WorkerId>,
        order: &Open,
        log: Option<&OwnedFd>,
    ) -> Result<(), Unreachable> {
        let session = order.login.generation;
        let known = self.workers.get(post);
        if known.is_none_or(|worker| worker.session != session) {
            let instead_of = instead_of.or(known.map(|worker| worker.id));
            if self.workers.len() >= MOST_REMEMBERED {
                self.workers.clear();
            }
            let worker = self.hire(post, session, instead_of)?;
            self.workers.insert(post.clone(), worker);
        }
        let Some(worker) = self.workers.get(post) else { return Err(Unreachable::Gone) };
        let log: Vec<_> = log.iter().map(AsFd::as_fd).collect();
        match send(&worker.orders, order, &log, Wait::Forever) {
            Ok(()) => Ok(()),
            Err(wire::Error::Io(_)) => Err(Unreachable::Gone),
            Err(error) => Err(Unreachable::Failed(error.to_string())),
        }
    }

    fn hire(
        &mut self,
        post: &Post,
        session: u32,
        instead_of: Option<WorkerId>,
    ) -> Result<Worker, Unreachable> {
        let wish = Hire { post: post.clone(), instead_of };
        let supervisor = self.channels.hire;
        send(supervisor, &wish, &[], Wait::Forever).map_err(failed)?;
        match receive::<Hired>(supervisor, &mut self.buffer, Wait::Forever).map_err(failed)? {
            Some((Hired::Ready(id), descriptors)) => match descriptors.into_iter().next() {
                Some(orders) => Ok(Worker { id, orders, session }),
                None => Err(Unreachable::Failed("the supervisor sent no channel to it".to_owned())),
            },
            Some((Hired::Failed, _)) => {
                Err(Unreachable::Failed("the supervisor could start none".to_owned()))
            }
            None => Err(Unreachable::Failed("the supervisor is gone".to_owned())),
        }
    }
}

fn failed(error: wire::Error) -> Unreachable {
    Unreachable::Failed(error.to_string())
}

fn refusal(refused: sasl::Refused) -> Refused {
    Refused { why: why(&refused.user, &refused.why), user: refused.user }
}

fn why(user: &[u8], refusal: &Refusal) -> LoginFailure {
    if let Refusal::Temporary(cause) = refusal {
        tracing::error!("user={} cannot be looked up: {cause}", Untrusted(user));
    }
    match refusal {
        Refusal::Password => LoginFailure::Password,
        Refusal::UnknownUser => LoginFailure::UnknownUser,
        Refusal::Disabled => LoginFailure::Disabled,
        Refusal::DeniedHost => LoginFailure::DeniedHost,
        Refusal::ReverseLookup => LoginFailure::ReverseLookup,
        Refusal::Temporary(_) => LoginFailure::Temporary,
    }
}
