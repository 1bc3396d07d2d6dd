//! The SASL exchanges that this process has begun and that wait for their clients.
//!
//! An exchange stays with the process that began it: each has a channel of its own to the session
//! role. Waiting for a client occupies nothing but a place here: logins are served meanwhile.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use auth::sasl::Exchange;
use ipc::LoginId;
use rustix::event::{PollFd, PollFlags, Timespec};

/// The most exchanges that one process has under way.
const MOST: usize = 256;
/// How long a client may take for the whole of one. The session role's `login_timeout` is shorter.
const PATIENCE: Duration = Duration::from_secs(300);

/// One exchange that waits for its client.
pub(crate) struct Waiting {
    pub(crate) login: LoginId,
    /// Whether the client takes messages in UTF-8.
    pub(crate) utf8: bool,
    pub(crate) channel: OwnedFd,
    pub(crate) exchange: Exchange,
    until: Instant,
}

impl Waiting {
    pub(crate) fn new(login: LoginId, utf8: bool, channel: OwnedFd, exchange: Exchange) -> Waiting {
        Waiting { login, utf8, channel, exchange, until: Instant::now() + PATIENCE }
    }
}

/// What there is to do.
pub(crate) enum Due {
    /// A login has come, unless another process was quicker.
    Login,
    /// This exchange's client has answered, or is gone.
    Answer(Waiting),
}

#[derive(Default)]
pub(crate) struct Exchanges {
    waiting: Vec<Waiting>,
}

impl Exchanges {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Keeps one until its client answers. When there are too many, the oldest is given up: clients that never answer keep
    /// nobody out who does.
    pub(crate) fn push(&mut self, waiting: Waiting) {
        if self.waiting.len() >= MOST {
            let oldest = self.waiting.iter().enumerate().min_by_key(|(_, waiting)| waiting.until);
            if let Some(place) = oldest.map(|(place, _)| place) {
                self.waiting.swap_remove(place);
            }
        }
        self.waiting.push(waiting);
    }

    /// Waits for a login on `queue` or for the answer of a client. Answers come first: their clients have waited longer.
    pub(crate) fn wait(&mut self, queue: &OwnedFd) -> Due {
        loop {
            let now = Instant::now();
            self.waiting.retain(|waiting| waiting.until > now);
            let Some(soonest) = self.waiting.iter().map(|waiting| waiting.until).min() else {
                return Due::Login;
            };
            let mut polled = vec![PollFd::new(queue, PollFlags::IN)];
            polled.extend(self.waiting.iter().map(|waiting| PollFd::new(&waiting.channel, PollFlags::IN)));
            let timeout = Timespec::try_from(soonest - now).ok();
            if rustix::event::poll(&mut polled, timeout.as_ref()).is_err() {
                continue; // interrupted
            }
            let ready =
                |fd: &PollFd<'_>| fd.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
            let answered = polled.iter().skip(1).position(ready);
            let login = polled.first().is_some_and(ready);
            match answered {
                Some(place) => return Due::Answer(self.waiting.swap_remove(place)),
                None if login => return Due::Login,
                None => {}
            }
        }
    }
}
