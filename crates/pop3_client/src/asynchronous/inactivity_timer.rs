//! Tells a slow server from one that has stopped.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// Goes off when nothing has moved for a given time. Restarting it costs a store: the timer itself is moved
/// only when it fires, not each time that something arrives.
#[derive(Debug)]
pub struct InactivityTimer {
    patience: Duration,
    since: Instant,
    timer: Pin<Box<Sleep>>,
}

impl InactivityTimer {
    /// Starts a timer, inside a tokio runtime.
    pub fn new(patience: Duration) -> Self {
        Self { patience, since: Instant::now(), timer: Box::pin(tokio::time::sleep(patience)) }
    }

    /// Something moved at this moment.
    pub(super) fn restart(&mut self, now: Instant) {
        self.since = now;
    }

    /// How long nothing may move.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// Ready when nothing has moved for too long.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let due = self.since + self.patience;
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due.into());
        }
    }

    /// What `work` came to so far, or nothing once the timer goes off.
    pub(super) fn bound<T>(
        &mut self,
        work: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<T>>> {
        match work {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.poll(cx).map(|()| None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn it_goes_off_no_earlier_than_its_patience_after_the_last_restart() {
        let mut timer = InactivityTimer::new(Duration::from_millis(20));
        let moved = Instant::now() + Duration::from_millis(15);
        timer.restart(moved);
        poll_fn(|cx| timer.poll(cx)).await;
        assert!(moved.elapsed() >= Duration::from_millis(20));
    }
}
