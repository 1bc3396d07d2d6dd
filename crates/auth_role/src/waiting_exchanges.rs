//! The SASL exchanges that this process has begun and that wait for their clients.
//!
//! An exchange stays with the process that began it: each has its own channel to the session role. While it
//! waits it takes only a place in this list, and the process handles other logins.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use auth::sasl::SaslExchange;
use ipc::login::SessionContext;
use rustix::event::{PollFd, PollFlags, Timespec};
use vocabulary::SaslMechanism;

/// The most exchanges that one process has in progress.
const MOST: usize = 256;
/// How long a whole exchange may take. The session role's `login_timeout` is shorter.
const PATIENCE: Duration = Duration::from_secs(300);

/// An exchange that waits for its client.
pub(crate) struct WaitingExchange {
    pub(crate) context: SessionContext,
    pub(crate) mechanism: SaslMechanism,
    pub(crate) channel: OwnedFd,
    pub(crate) exchange: SaslExchange,
    until: Instant,
}

impl WaitingExchange {
    pub(crate) fn new(
        context: SessionContext,
        mechanism: SaslMechanism,
        channel: OwnedFd,
        exchange: SaslExchange,
    ) -> Self {
        Self { context, mechanism, channel, exchange, until: Instant::now() + PATIENCE }
    }
}

/// What the process must handle next.
pub(crate) enum ServerEvent {
    /// A login has arrived, unless another process was faster.
    Login,
    /// The client of this exchange has responded, or is gone.
    Response(WaitingExchange),
}

#[derive(Default)]
pub(crate) struct WaitingExchanges {
    waiting: Vec<WaitingExchange>,
}

impl WaitingExchanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Keeps an exchange until its client responds. If there are too many, the oldest is dropped, so that
    /// clients that never respond cannot lock out others.
    pub(crate) fn push(&mut self, waiting: WaitingExchange) {
        if self.waiting.len() >= MOST {
            let oldest = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| waiting.until);
            if let Some(place) = oldest.map(|(place, _)| place) {
                self.waiting.swap_remove(place);
            }
        }
        self.waiting.push(waiting);
    }

    /// Waits for a login on `queue` or for a client's response. Responses come first, because their clients
    /// have waited longer.
    pub(crate) fn wait(&mut self, queue: &OwnedFd) -> ServerEvent {
        loop {
            let now = Instant::now();
            self.waiting.retain(|waiting| waiting.until > now);
            let Some(soonest) = self.waiting.iter().map(|waiting| waiting.until).min() else {
                return ServerEvent::Login;
            };
            let mut polled = vec![PollFd::new(queue, PollFlags::IN)];
            polled.extend(self.waiting.iter().map(|waiting| PollFd::new(&waiting.channel, PollFlags::IN)));
            let timeout = Timespec::try_from(soonest - now).ok();
            if rustix::event::poll(&mut polled, timeout.as_ref()).is_err() {
                continue; // interrupted
            }
            let ready =
                |fd: &PollFd<'_>| fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
            let responded = polled.iter().skip(1).position(ready);
            let login = polled.first().is_some_and(ready);
            match responded {
                Some(place) => return ServerEvent::Response(self.waiting.swap_remove(place)),
                None if login => return ServerEvent::Login,
                None => {}
            }
        }
    }
}
