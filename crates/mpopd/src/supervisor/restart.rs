//! When to restart a role that ended: at once, but a role that keeps ending waits longer each time, so that a
//! bug costs log lines and not the machine.

use std::time::{Duration, Instant};

/// A role that lived this long has its past failures forgiven.
const HEALTHY: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Restart {
    started: Instant,
    due: Instant,
    delay: Duration,
}

impl Restart {
    /// Due now.
    pub(super) fn new(now: Instant) -> Self {
        Self { started: now, due: now, delay: Duration::ZERO }
    }

    /// When to start it, if it is not running.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.started = now;
    }

    pub(super) fn ended(&mut self, now: Instant) {
        if now.saturating_duration_since(self.started) >= HEALTHY {
            self.delay = Duration::ZERO;
        }
        self.due = now + self.delay;
        self.delay = (self.delay * 2).clamp(FIRST_DELAY, LONGEST_DELAY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_later_ones_wait() {
        let now = Instant::now();
        let mut restart = Restart::new(now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            restart.started(now);
            restart.ended(now);
            waits.push(restart.due() - now);
        }
        assert_eq!(waits[0], Duration::ZERO);
        assert_eq!(waits[1], FIRST_DELAY);
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(waits[11], LONGEST_DELAY);
    }

    #[test]
    fn a_long_life_is_forgiven() {
        let now = Instant::now();
        let mut restart = Restart::new(now);
        restart.ended(now);
        restart.ended(now);
        restart.started(now);
        let later = now + HEALTHY;
        restart.ended(later);
        assert_eq!(restart.due(), later);
    }
}
