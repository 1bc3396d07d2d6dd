//! Ending a connection from outside: the server stops, a maildrop process is lost, an administrator wants it.

use std::sync::OnceLock;

use pop3::Shutdown;
use tokio::sync::Notify;

/// How one connection learns that it shall end.
#[derive(Default)]
pub(crate) struct Ending {
    why: OnceLock<Shutdown>,
    notify: Notify,
}

impl Ending {
    /// Tells the connection to end. The first reason counts.
    pub(crate) fn end(&self, why: Shutdown) {
        let _ = self.why.set(why);
        self.notify.notify_one();
    }

    /// Whether it shall end, and why.
    pub(crate) fn why(&self) -> Option<Shutdown> {
        self.why.get().copied()
    }

    /// Waits until it shall end.
    pub(crate) async fn told(&self) -> Shutdown {
        loop {
            if let Some(why) = self.why() {
                return why;
            }
            self.notify.notified().await;
        }
    }
}
