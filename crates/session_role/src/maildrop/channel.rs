//! The channel to one maildrop process, shared by all sessions of its uid.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipc::Ticket;
use ipc::mail::{BodyExtent, FromMaildrop, NotFetched, ToMaildrop, UpdateOutcome};
use ipc::socket::MessageSocket;
use ipc::user_log::Note;
use pop3::Shutdown;
use tokio::sync::oneshot;

use crate::table::StopSignal;

/// How long a maildrop process may take for one request: it may rewrite gigabytes on a slow disk.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The channel to one maildrop process.
pub(crate) struct MaildropChannel {
    socket: MessageSocket,
    open: Mutex<HashMap<Ticket, OpenTicket>>,
}

/// The state of one open maildrop of this process.
#[derive(Default)]
struct OpenTicket {
    /// Stops the connection that has the maildrop, once there is one.
    stop: Option<Arc<StopSignal>>,
    /// Where the answer to the current request goes.
    waiting: Option<oneshot::Sender<MaildropAnswer>>,
}

/// The answer of a maildrop process to a session's request.
pub(crate) enum MaildropAnswer {
    Fetched { first: u32, extents: Vec<BodyExtent>, descriptors: Vec<OwnedFd> },
    NotFetched(NotFetched),
    Finished(UpdateOutcome),
    Noted,
}

/// The maildrop process is gone, or does not answer.
#[derive(Debug)]
pub(crate) struct MaildropLost;

impl MaildropChannel {
    pub(crate) fn new(socket: MessageSocket) -> Self {
        Self { socket, open: Mutex::default() }
    }

    /// Sends a request for the maildrop of this ticket, and waits for the answer.
    pub(super) async fn ask(
        &self,
        ticket: Ticket,
        request: &ToMaildrop,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<MaildropAnswer, MaildropLost> {
        let (sender, answer) = oneshot::channel();
        match self.open().get_mut(&ticket) {
            Some(open) => open.waiting = Some(sender),
            None => return Err(MaildropLost),
        }
        let asked = tokio::time::timeout(TIMEOUT, async {
            self.socket.send(request, descriptors).await.map_err(|_| MaildropLost)?;
            answer.await.map_err(|_| MaildropLost)
        });
        asked.await.unwrap_or(Err(MaildropLost))
    }

    /// Stops the connection when this maildrop process is lost; at once if it is lost already.
    pub(super) fn attach(&self, ticket: Ticket, stop: &Arc<StopSignal>) {
        match self.open().get_mut(&ticket) {
            Some(open) => open.stop = Some(stop.clone()),
            None => stop.stop(Shutdown::ServerError),
        }
    }

    /// Ends the session of this ticket. Unless it has `finished`, tells the maildrop process to remove
    /// nothing, and passes on the last `notes` for the user's own log.
    pub(super) fn leave(self: &Arc<Self>, ticket: Ticket, finished: bool, notes: Vec<Note>) {
        let known = self.open().remove(&ticket).is_some();
        if finished || !known {
            return;
        }
        let abandon = ToMaildrop::Abandon { ticket, notes };
        if self.socket.try_send(&abandon, &[]).is_err_and(|error| error.would_block()) {
            // It must arrive, or the maildrop stays locked.
            let channel = self.clone();
            tokio::spawn(async move {
                let _ = channel.socket.send(&abandon, &[]).await;
            });
        }
    }

    /// Receives the next message of the maildrop process; `None` when there are no more.
    pub(super) async fn receive(&self) -> Option<(FromMaildrop, Vec<OwnedFd>)> {
        self.socket.receive().await.unwrap_or_else(|error| {
            tracing::error!("a maildrop process is given up: {error}");
            None
        })
    }

    /// Adds the ticket of a maildrop that was opened.
    pub(super) fn add(&self, ticket: Ticket) {
        self.open().insert(ticket, OpenTicket::default());
    }

    /// Passes an answer to the session that waits for it.
    pub(super) fn answer(&self, ticket: Ticket, answer: MaildropAnswer) {
        let waiting = self.open().get_mut(&ticket).and_then(|open| open.waiting.take());
        if let Some(waiting) = waiting {
            // A session that no longer waits has ended.
            let _ = waiting.send(answer);
        }
    }

    /// Stops all sessions: the maildrop process is gone. A session that attaches later finds no ticket and
    /// stops, too.
    pub(super) fn close(&self) {
        let open = std::mem::take(&mut *self.open());
        for stop in open.into_values().filter_map(|open| open.stop) {
            stop.stop(Shutdown::ServerError);
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Ticket, OpenTicket>> {
        // Every change is one call on the map, so a panic elsewhere leaves it consistent.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
