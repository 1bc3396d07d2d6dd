//! The maildrop processes that this process can give orders to.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use ipc::hire::{HireRequest, Hired, WorkerId, WorkerIdentity};
use ipc::open::OpenRequest;
use ipc::wire::{self, Wait};
use ipc::{receive, send};

/// The most maildrop processes that one auth process remembers. Each needs a descriptor, and PAM modules may
/// use select(2), which is limited to 1024.
const MOST_REMEMBERED: usize = 512;

/// The known maildrop processes, and the channel on which the supervisor provides others.
pub(crate) struct MaildropWorkers<'a> {
    /// To the supervisor.
    hire: &'a OwnedFd,
    /// Kept as long as this process lives: a dead one is noticed when it is next needed.
    known: HashMap<WorkerIdentity, HiredWorker>,
}

struct HiredWorker {
    id: WorkerId,
    orders: OwnedFd,
    /// The generation of the session role that it was hired for. Its answers reach no other.
    generation: u32,
}

impl<'a> MaildropWorkers<'a> {
    pub(crate) fn new(hire: &'a OwnedFd) -> Self {
        Self { hire, known: HashMap::new() }
    }

    /// Sends an order to the maildrop process for `identity`, which is hired if need be. `log` is the
    /// descriptor of the user's own log; `buffer` is for the supervisor's answer.
    ///
    /// # Errors
    ///
    /// No process could be given the order.
    pub(crate) fn order(
        &mut self,
        identity: &WorkerIdentity,
        order: &OpenRequest,
        log: Option<&OwnedFd>,
        buffer: &mut [u8],
    ) -> Result<(), OrderError> {
        // A known process may have ended since it was last used. A second one is new.
        let mut gone = None;
        for _ in 0..2 {
            let worker = self.worker(identity, order.context.id.generation, gone, buffer)?;
            let log: Vec<_> = log.iter().map(AsFd::as_fd).collect();
            match send(&worker.orders, order, &log, Wait::Forever) {
                Ok(()) => return Ok(()),
                Err(wire::Error::Io(_)) => gone = self.known.remove(identity).map(|worker| worker.id),
                Err(error) => return Err(OrderError::Channel(error)),
            }
        }
        Err(OrderError::EndsAtOnce)
    }

    /// The process for `identity` whose answers reach this generation of the session role.
    fn worker(
        &mut self,
        identity: &WorkerIdentity,
        generation: u32,
        gone: Option<WorkerId>,
        buffer: &mut [u8],
    ) -> Result<&HiredWorker, OrderError> {
        let known = self.known.get(identity);
        if known.is_none_or(|worker| worker.generation != generation) {
            let instead_of = gone.or(known.map(|worker| worker.id));
            if self.known.len() >= MOST_REMEMBERED {
                self.known.clear();
            }
            let worker = self.hire(identity, generation, instead_of, buffer)?;
            self.known.insert(identity.clone(), worker);
        }
        self.known.get(identity).ok_or(OrderError::EndsAtOnce)
    }

    fn hire(
        &self,
        identity: &WorkerIdentity,
        generation: u32,
        instead_of: Option<WorkerId>,
        buffer: &mut [u8],
    ) -> Result<HiredWorker, OrderError> {
        let request = HireRequest { worker: identity.clone(), instead_of };
        send(self.hire, &request, &[], Wait::Forever).map_err(OrderError::Channel)?;
        match receive::<Hired>(self.hire, buffer, Wait::Forever).map_err(OrderError::Channel)? {
            Some((Hired::Ready(id), descriptors)) => match descriptors.into_iter().next() {
                Some(orders) => Ok(HiredWorker { id, orders, generation }),
                None => Err(OrderError::NoChannel),
            },
            Some((Hired::Failed, _)) => Err(OrderError::NotStarted),
            None => Err(OrderError::SupervisorGone),
        }
    }
}

/// Why no maildrop process was given an order. All of these are errors of mpopd or of the system, not of the
/// user.
#[derive(Debug)]
pub(crate) enum OrderError {
    /// The system gave no random numbers for the ticket.
    NoTicket(io::Error),
    /// The channel to the supervisor broke, or the order does not fit into a message.
    Channel(wire::Error),
    /// The supervisor has hired a process but sent no descriptor.
    NoChannel,
    /// The supervisor could not start a process; it has logged why.
    NotStarted,
    /// The supervisor has ended.
    SupervisorGone,
    /// A new process was gone before it could be given the order.
    EndsAtOnce,
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTicket(error) => write!(f, "no random numbers: {error}"),
            Self::Channel(error) => error.fmt(f),
            Self::NoChannel => f.write_str("the supervisor sent no channel to it"),
            Self::NotStarted => f.write_str("the supervisor could start none"),
            Self::SupervisorGone => f.write_str("the supervisor is gone"),
            Self::EndsAtOnce => f.write_str("it ends as soon as it is started"),
        }
    }
}
