//! Limits the log lines that clients can cause as often as they like: some are written, the others are
//! counted.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The period of the limit.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets a fixed number of log lines through each minute.
pub(crate) struct RateLimit {
    most: u32,
    minute: Mutex<Minute>,
}

#[derive(Default)]
struct Minute {
    began: Option<Instant>,
    written: u32,
    /// Suppressed since the last line that was written.
    suppressed: u64,
}

impl RateLimit {
    /// At most `most` lines a minute.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, minute: Mutex::default() }
    }

    /// Whether a line may be written now: if so, the number of lines suppressed since the last one.
    pub(crate) fn admit(&self, now: Instant) -> Option<u64> {
        // Every change is a plain assignment, so a panic elsewhere leaves it consistent.
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            (minute.began, minute.written) = (Some(now), 0);
        }
        if minute.written >= self.most {
            minute.suppressed += 1;
            return None;
        }
        minute.written += 1;
        Some(std::mem::take(&mut minute.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_its_number_of_lines_and_the_next_counts_the_others() {
        let (limit, start) = (RateLimit::new(2), Instant::now());
        let at = |seconds| limit.admit(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(2), at(59)], [Some(0), Some(0), None, None]);
        assert_eq!([at(60), at(61), at(62)], [Some(2), Some(0), None]);
        assert_eq!(at(120), Some(1));
    }
}
