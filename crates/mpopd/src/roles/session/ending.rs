//! Ending connections from outside: the server stops, or a maildrop process is lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use pop3::Shutdown;
use tokio::sync::Notify;

/// How one connection learns that it shall end.
#[derive(Default)]
pub(super) struct Ending {
    why: OnceLock<Shutdown>,
    notify: Notify,
}

impl Ending {
    /// Tells the connection to end. The first reason counts.
    pub(super) fn end(&self, why: Shutdown) {
        let _ = self.why.set(why);
        self.notify.notify_one();
    }

    /// Whether it shall end, and why.
    pub(super) fn why(&self) -> Option<Shutdown> {
        self.why.get().copied()
    }

    /// Waits until it shall end.
    pub(super) async fn told(&self) -> Shutdown {
        loop {
            if let Some(why) = self.why() {
                return why;
            }
            self.notify.notified().await;
        }
    }
}

/// All connections there are.
#[derive(Default)]
pub(super) struct Endings {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Default)]
struct Inner {
    living: HashMap<u64, Arc<Ending>>,
    closing: bool,
}

impl Endings {
    /// Takes a connection in; `None` when there are `most` already, or the server is closing.
    pub(super) fn admit(self: &Endings, session: u64, most: usize) -> Option<Arc<Ending>> {
        let mut inner = self.lock();
        if inner.closing || inner.living.len() >= most {
            return None;
        }
        let ending = Arc::new(Ending::default());
        inner.living.insert(session, ending.clone());
        Some(ending)
    }

    /// The connection is closed.
    pub(super) fn left(&self, session: u64) {
        let mut inner = self.lock();
        inner.living.remove(&session);
        if inner.closing && inner.living.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Ends all, and admits none any more.
    pub(super) fn end_all(&self, why: Shutdown) {
        let mut inner = self.lock();
        inner.closing = true;
        for ending in inner.living.values() {
            ending.end(why);
        }
        if inner.living.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Waits, after [`Endings::end_all`], until every connection has left.
    pub(super) async fn none_left(&self) {
        while !self.lock().living.is_empty() {
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one call on the map: a panic elsewhere leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_counts_those_that_are_there() {
        let endings = Endings::default();
        assert!(endings.admit(1, 2).is_some() && endings.admit(2, 2).is_some());
        assert!(endings.admit(3, 2).is_none());
        endings.left(1);
        assert!(endings.admit(3, 2).is_some());
    }

    #[test]
    fn an_ending_reaches_everybody_and_the_first_reason_counts() {
        let endings = Endings::default();
        let ending = endings.admit(1, 9).unwrap();
        ending.end(Shutdown::Fault);
        endings.end_all(Shutdown::Stopping);
        assert_eq!(ending.why(), Some(Shutdown::Fault));
        assert!(endings.admit(2, 9).is_none(), "a closing server admits nobody");
    }
}
