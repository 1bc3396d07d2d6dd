//! Ends one connection from outside: the server stops, its maildrop process dies, or an administrator closes
//! it.

use std::sync::OnceLock;

use pop3::Shutdown;
use tokio::sync::Notify;

/// Tells one connection to end.
#[derive(Default)]
pub(crate) struct StopSignal {
    reason: OnceLock<Shutdown>,
    notify: Notify,
}

impl StopSignal {
    /// Tells the connection to end. Only the first reason counts.
    pub(crate) fn stop(&self, reason: Shutdown) {
        let _ = self.reason.set(reason);
        self.notify.notify_one();
    }

    /// Why the connection must end, if it must.
    pub(crate) fn reason(&self) -> Option<Shutdown> {
        self.reason.get().copied()
    }

    /// Waits until the connection must end.
    pub(crate) async fn stopped(&self) -> Shutdown {
        loop {
            if let Some(reason) = self.reason() {
                return reason;
            }
            self.notify.notified().await;
        }
    }
}
