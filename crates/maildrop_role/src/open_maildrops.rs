//! The maildrops that are open, by ticket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipc::Ticket;
use ipc::user_log::Note;
use maildrop::Maildrop;

use crate::user_log::UserLog;

/// An open maildrop and the log of its user.
pub(crate) struct OpenMaildrop {
    /// The number of its session in the log.
    pub(crate) session: u64,
    pub(crate) user: String,
    pub(crate) mail: Box<dyn Maildrop>,
    pub(crate) log: Option<UserLog>,
}

impl OpenMaildrop {
    /// Writes these notes into the user's log, if there is one.
    pub(crate) fn note(&mut self, notes: &[Note]) {
        if let Some(log) = &mut self.log {
            log.write(&self.user, notes);
        }
    }
}

/// A maildrop that a thread may be using; `None` once it was given up.
type SharedMaildrop = Arc<Mutex<Option<OpenMaildrop>>>;

/// All open maildrops of this process.
#[derive(Default)]
pub(crate) struct OpenMaildrops(Mutex<HashMap<Ticket, SharedMaildrop>>);

impl OpenMaildrops {
    pub(crate) fn insert(&self, ticket: Ticket, maildrop: OpenMaildrop) {
        lock(&self.0).insert(ticket, Arc::new(Mutex::new(Some(maildrop))));
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }

    /// Lets `action` use a maildrop. `None` if the ticket is not or no longer good.
    pub(crate) fn with<T>(&self, ticket: Ticket, action: impl FnOnce(&mut OpenMaildrop) -> T) -> Option<T> {
        // The table is free meanwhile: reading a message may take long.
        let shared = lock(&self.0).get(&ticket).cloned()?;
        lock(&shared).as_mut().map(action)
    }

    /// Takes a maildrop out of the table, once no thread uses it. Dropping it releases its locks.
    pub(crate) fn take(&self, ticket: Ticket) -> Option<OpenMaildrop> {
        let shared = lock(&self.0).remove(&ticket)?;
        lock(&shared).take()
    }

    /// Gives up all maildrops.
    pub(crate) fn clear(&self) {
        for (_, shared) in lock(&self.0).drain() {
            lock(&shared).take();
        }
    }
}

/// A panic in another thread leaves these tables whole: they are changed by single calls.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
