//! Log lines that strangers can cause as often as they like: some are written, the others are counted.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For so long the lines are counted together.
const WINDOW: Duration = Duration::from_secs(60);

/// Lets so many lines through in a minute.
pub(crate) struct Rarely {
    most: u32,
    minute: Mutex<Minute>,
}

#[derive(Default)]
struct Minute {
    began: Option<Instant>,
    written: u32,
    /// Since the last line that was written.
    left_out: u64,
}

impl Rarely {
    pub(crate) fn new(most: u32) -> Rarely {
        Rarely { most, minute: Mutex::default() }
    }

    /// Whether a line is to be written now, and if so, how many were not since the last one.
    pub(crate) fn now(&self, now: Instant) -> Option<u64> {
        // Every change is a plain assignment: a panic elsewhere leaves it whole.
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        if minute.began.is_none_or(|began| now.saturating_duration_since(began) >= WINDOW) {
            (minute.began, minute.written) = (Some(now), 0);
        }
        if minute.written >= self.most {
            minute.left_out += 1;
            return None;
        }
        minute.written += 1;
        Some(std::mem::take(&mut minute.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_so_many_lines_and_the_next_tells_of_the_others() {
        let (rarely, start) = (Rarely::new(2), Instant::now());
        let at = |seconds| rarely.now(start + Duration::from_secs(seconds));
        assert_eq!([at(0), at(1), at(2), at(59)], [Some(0), Some(0), None, None]);
        assert_eq!([at(60), at(61), at(62)], [Some(2), Some(0), None]);
        assert_eq!(at(120), Some(1));
    }
}
