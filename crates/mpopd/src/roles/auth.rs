//! The auth role: decides who may log in, and orders the maildrop processes to open maildrops.
//!
//! Runs as root, in several equal processes that all read one queue: the kernel hands each login
//! to an idle one. It blocks, it does one login at a time, and it parses nothing from the network
//! but the two texts of a login. Code that hangs is cut off by a timer that kills the process.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ::auth::{Account, Authenticator, Refusal};
use ipc::hire::{Hire, Hired, WorkerId};
use ipc::login::{Attempt, Decision, Login, Said, Why};
use ipc::open::{Format, Open};
use ipc::wire::{self, Wait};
use ipc::{Ticket, receive, send};
use sys::deadline::Deadline;

use crate::log::Untrusted;

/// How long one login may take. The session role waits a little longer, then answers by itself.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The most maildrop processes that one auth process remembers.
const MOST_REMEMBERED: usize = 1024;

/// The ends of the channels that this role has.
pub(crate) struct Channels<'a> {
    /// Logins come here, shared with all other auth processes; refusals go back.
    pub(crate) queue: &'a OwnedFd,
    /// To the supervisor, for maildrop processes.
    pub(crate) hire: &'a OwnedFd,
}

/// Runs the role until the session side or the supervisor is gone. Returns the exit status.
pub(crate) fn run(channels: Channels<'_>, authenticator: &mut Authenticator) -> i32 {
    let deadline = match Deadline::new() {
        Ok(deadline) => deadline,
        Err(error) => {
            tracing::error!("auth cannot start: no timer: {error}");
            return 1;
        }
    };
    let buffer = vec![0; wire::MOST_OCTETS];
    Auth { channels, authenticator, deadline, workers: HashMap::new(), buffer }.serve()
}

/// A maildrop process that this process can give orders to.
struct Worker {
    id: WorkerId,
    orders: OwnedFd,
}

struct Auth<'a> {
    channels: Channels<'a>,
    authenticator: &'a mut Authenticator,
    deadline: Deadline,
    /// By uid and gid. Kept for the life of this process: a dead one is noticed when it is next needed.
    workers: HashMap<(u32, u32), Worker>,
    buffer: Vec<u8>,
}

/// Why an accepted login does not reach its maildrop.
enum Unreachable {
    /// The maildrop process is gone, and another must be hired.
    Gone,
    /// Something of ours failed.
    Failed(String),
}

impl Auth<'_> {
    fn serve(&mut self) -> i32 {
        loop {
            let login = match receive::<Login>(self.channels.queue, &mut self.buffer, Wait::Forever) {
                Ok(Some((login, _))) => login,
                Ok(None) => return 0,
                Err(error) => {
                    tracing::error!("auth ends: {error}");
                    return 1;
                }
            };
            // Without its timer a login may hang, but it is still decided rightly.
            let _ = self.deadline.arm(DEADLINE);
            let said = match &login.attempt {
                Attempt::Name { user } => Some(self.name(user, &login)),
                Attempt::Password { user, password } => {
                    self.password(user, password.expose(), &login).err().map(Said::Refused)
                }
                // None is offered yet.
                Attempt::Sasl { .. } => Some(Said::Refused(Why::Temporary)),
            };
            let _ = self.deadline.disarm();
            for remark in self.authenticator.take_remarks() {
                tracing::warn!("{remark}");
            }
            if let Some(said) = said {
                let answer = Decision { id: login.id, said };
                if let Err(error) = send(self.channels.queue, &answer, &[], Wait::Forever) {
                    tracing::error!("auth ends: {error}");
                    return 1;
                }
            }
        }
    }

    /// Whether there is such a user.
    fn name(&mut self, user: &[u8], login: &Login) -> Said {
        match self.authenticator.knows(user, login.peer) {
            Ok(true) => Said::Known,
            Ok(false) => Said::Refused(Why::UnknownUser),
            Err(refusal) => Said::Refused(why(user, &refusal)),
        }
    }

    /// Accepted logins are answered by the maildrop process.
    fn password(&mut self, user: &[u8], password: &[u8], login: &Login) -> Result<(), Why> {
        let account =
            self.authenticator.login(user, password, login.peer).map_err(|refusal| why(user, &refusal))?;
        self.open(login, &account).map_err(|cause| {
            tracing::error!("user={} has no maildrop process: {cause}", Untrusted(user));
            Why::Temporary
        })
    }

    fn open(&mut self, login: &Login, account: &Account) -> Result<(), String> {
        let order = Open {
            login: login.id,
            ticket: Ticket::issue().map_err(|error| format!("no random numbers: {error}"))?,
            user: account.user.as_str().to_owned(),
            format: format_of(account)?,
            path: account.maildrop.path.as_path().into(),
        };
        let owner = (account.uid.get(), account.gid);
        // The first process may have ended since it was last used, a second one has not.
        let mut gone = None;
        for _ in 0..2 {
            match self.order(owner, gone, &order) {
                Ok(()) => return Ok(()),
                Err(Unreachable::Gone) => gone = self.workers.remove(&owner).map(|worker| worker.id),
                Err(Unreachable::Failed(cause)) => return Err(cause),
            }
        }
        Err("it ends as soon as it is started".to_owned())
    }

    fn order(
        &mut self,
        owner: (u32, u32),
        instead_of: Option<WorkerId>,
        order: &Open,
    ) -> Result<(), Unreachable> {
        if !self.workers.contains_key(&owner) {
            if self.workers.len() >= MOST_REMEMBERED {
                self.workers.clear();
            }
            let worker = self.hire(owner, instead_of)?;
            self.workers.insert(owner, worker);
        }
        let Some(worker) = self.workers.get(&owner) else { return Err(Unreachable::Gone) };
        match send(&worker.orders, order, &[], Wait::Forever) {
            Ok(()) => Ok(()),
            Err(wire::Error::Io(_)) => Err(Unreachable::Gone),
            Err(error) => Err(Unreachable::Failed(error.to_string())),
        }
    }

    fn hire(&mut self, owner: (u32, u32), instead_of: Option<WorkerId>) -> Result<Worker, Unreachable> {
        let wish = Hire { uid: owner.0, gid: owner.1, instead_of };
        let supervisor = self.channels.hire;
        send(supervisor, &wish, &[], Wait::Forever).map_err(failed)?;
        match receive::<Hired>(supervisor, &mut self.buffer, Wait::Forever).map_err(failed)? {
            Some((Hired::Ready(id), descriptors)) => match descriptors.into_iter().next() {
                Some(orders) => Ok(Worker { id, orders }),
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

fn format_of(account: &Account) -> Result<Format, String> {
    match account.maildrop.storage {
        config::Storage::Mbox => Ok(Format::Mbox),
        config::Storage::Maildir => Ok(Format::Maildir),
        other => Err(format!("storage {other} is not built yet")),
    }
}

fn why(user: &[u8], refusal: &Refusal) -> Why {
    if let Refusal::Temporary(cause) = refusal {
        tracing::error!("user={} cannot be looked up: {cause}", Untrusted(user));
    }
    match refusal {
        Refusal::Password => Why::Password,
        Refusal::UnknownUser => Why::UnknownUser,
        Refusal::Disabled => Why::Disabled,
        Refusal::DeniedHost => Why::DeniedHost,
        Refusal::ReverseLookup => Why::ReverseLookup,
        Refusal::Temporary(_) => Why::Temporary,
    }
}
