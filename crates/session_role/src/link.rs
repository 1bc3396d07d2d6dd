//! The channel to one maildrop process, shared by all sessions of its uid.

use std::collections::HashMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipc::login::Refused;
use ipc::mail::{Extent, FromMaildrop, NotFetched, Outcome, ToMaildrop};
use ipc::user_log::Note;
use ipc::{Listing, Ticket};
use pop3::Shutdown;
use tokio::sync::oneshot;
use vocabulary::LoginFailure;

use crate::House;
use crate::desk::Verdict;
use crate::ending::Ending;
use crate::mail::OpenMail;
use ipc::socket::MessageSocket;

/// How long a maildrop process may take for one request: a rewrite of gigabytes on a slow disk.
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct Link {
    socket: MessageSocket,
    sessions: Mutex<HashMap<Ticket, Session>>,
}

/// One open maildrop on this link.
#[derive(Default)]
struct Session {
    /// The connection that has it, once it was handed to one.
    ending: Option<Arc<Ending>>,
    /// Where the answer to the request under way goes.
    waiting: Option<oneshot::Sender<Answer>>,
}

/// A maildrop's answer to a session's request.
pub(crate) enum Answer {
    Fetched { first: u32, extents: Vec<Extent>, descriptors: Vec<OwnedFd> },
    NotFetched(NotFetched),
    Finished(Outcome),
    Noted,
}

/// The maildrop process is gone, or does not answer.
#[derive(Debug)]
pub(crate) struct Lost;

impl Link {
    pub(crate) fn new(socket: MessageSocket) -> Link {
        Link { socket, sessions: Mutex::default() }
    }

    /// Asks for something in a session's name, and waits for the answer.
    pub(crate) async fn ask(
        &self,
        ticket: Ticket,
        request: &ToMaildrop,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<Answer, Lost> {
        let (sender, answer) = oneshot::channel();
        match self.sessions().get_mut(&ticket) {
            Some(session) => session.waiting = Some(sender),
            None => return Err(Lost),
        }
        let asked = tokio::time::timeout(PATIENCE, async {
            self.socket.send(request, descriptors).await.map_err(|_| Lost)?;
            answer.await.map_err(|_| Lost)
        });
        asked.await.unwrap_or(Err(Lost))
    }

    /// From now on the connection is told when this maildrop process is lost.
    pub(crate) fn attach(&self, ticket: Ticket, ending: &Arc<Ending>) {
        match self.sessions().get_mut(&ticket) {
            Some(session) => session.ending = Some(ending.clone()),
            None => ending.end(Shutdown::ServerError),
        }
    }

    /// The session is over. Unless the maildrop process knows it already, it is told to remove nothing, and the last
    /// `notes` for the user's own log.
    pub(crate) fn leave(self: &Arc<Link>, ticket: Ticket, finished: bool, notes: Vec<Note>) {
        let known = self.sessions().remove(&ticket).is_some();
        if finished || !known {
            return;
        }
        let abandon = ToMaildrop::Abandon { ticket, notes };
        if self.socket.try_send(&abandon, &[]).is_err_and(|error| error.would_block()) {
            // It must arrive, or the maildrop stays locked.
            let link = self.clone();
            tokio::spawn(async move {
                let _ = link.socket.send(&abandon, &[]).await;
            });
        }
    }

    /// Hears the maildrop process until it is gone; then its sessions end.
    pub(crate) async fn hear(self: Arc<Link>, house: Arc<House>) {
        loop {
            match self.socket.receive::<FromMaildrop>().await {
                Ok(Some((answer, descriptors))) => self.heard(&house, answer, descriptors),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!("a maildrop process is given up: {error}");
                    break;
                }
            }
        }
        // From here on the table stays empty: who attaches later finds its session gone.
        let sessions = std::mem::take(&mut *self.sessions());
        for ending in sessions.into_values().filter_map(|session| session.ending) {
            ending.end(Shutdown::ServerError);
        }
    }

    fn heard(self: &Arc<Link>, house: &House, answer: FromMaildrop, descriptors: Vec<OwnedFd>) {
        match answer {
            FromMaildrop::Opened { login, ticket, user, listing, user_log, marks_read, storage, micros } => {
                house.counters.opened(storage, Duration::from_micros(micros));
                self.sessions().insert(ticket, Session::default());
                // From here on, whatever drops it gives the maildrop up.
                let mut mail = OpenMail::new(self.clone(), ticket, user, user_log, marks_read);
                let listing = listing
                    .unpack(descriptors.into_iter().next(), ipc::listing::MOST_OCTETS)
                    .and_then(Listing::parse);
                let verdict = match listing {
                    Ok(listing) => {
                        mail.set_listing(listing);
                        Verdict::Opened(mail)
                    }
                    Err(error) => {
                        tracing::error!("a maildrop process listed its messages wrongly: {error}");
                        Verdict::Refused(Refused { why: LoginFailure::Temporary, user: Vec::new() })
                    }
                };
                house.desk.answer(login, verdict);
            }
            FromMaildrop::NotOpened { login, user, why } => {
                house.desk.answer(login, Verdict::NotOpened { user, why });
            }
            FromMaildrop::Fetched { ticket, first, extents } => {
                self.pass(ticket, Answer::Fetched { first, extents, descriptors });
            }
            FromMaildrop::NotFetched { ticket, why } => self.pass(ticket, Answer::NotFetched(why)),
            FromMaildrop::Finished { ticket, outcome } => self.pass(ticket, Answer::Finished(outcome)),
            FromMaildrop::LockWait { millis } => {
                house.counters.lock_waits.add(1);
                house.counters.lock_wait_millis.add(millis);
            }
            FromMaildrop::Noted { ticket } => self.pass(ticket, Answer::Noted),
        }
    }

    fn pass(&self, ticket: Ticket, answer: Answer) {
        let waiting = self.sessions().get_mut(&ticket).and_then(|session| session.waiting.take());
        if let Some(waiting) = waiting {
            // Whoever stopped waiting has ended its session.
            let _ = waiting.send(answer);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<Ticket, Session>> {
        // Every change is one call on the map: a panic elsewhere leaves it whole.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
