//! Tells a server that is slow from one that has stopped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// Barks when nothing has moved for as long as it was told. Feeding costs a store: the timer is moved only when it
/// goes off, not each time that something comes.
#[derive(Debug)]
pub(crate) struct Watchdog {
    patience: Duration,
    fed: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Watchdog {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, fed: Instant::now(), timer: Box::pin(tokio::time::sleep(patience)) }
    }

    /// Something moved.
    pub(crate) fn feed(&mut self, now: Instant) {
        self.fed = now;
    }

    /// How long it waits before it barks.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Ready when nothing has moved for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let due = self.fed + self.patience;
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn it_barks_no_earlier_than_its_patience_after_the_last_feeding() {
        let mut dog = Watchdog::new(Duration::from_millis(20));
        let fed = Instant::now() + Duration::from_millis(15);
        dog.feed(fed);
        poll_fn(|cx| dog.poll(cx)).await;
        assert!(fed.elapsed() >= Duration::from_millis(20));
    }
}
