//! Debug lines that follow one session: each has the session's number, and most have the time that a step
//! took.
//!
//! They cost a comparison of log levels when `log_level` is not `debug`.

use std::time::{Duration, Instant};

use tracing::Level;

/// Measures one step. It reads the clock only while debug lines are logged.
pub(crate) struct StepTimer(Option<Instant>);

impl StepTimer {
    pub(crate) fn start() -> Self {
        Self(tracing::event_enabled!(Level::DEBUG).then(Instant::now))
    }

    /// The time since the start, in microseconds; 0 when debug lines are not logged.
    pub(crate) fn micros(&self) -> u64 {
        self.0.map_or(0, |start| micros(start.elapsed()))
    }
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Logs what a session does: its number, the step, the text, and more fields in the syntax of [`tracing`].
/// Nothing is evaluated unless the line is logged.
macro_rules! event {
    ($session:expr, $step:expr, $text:literal $(, $($field:tt)+)?) => {
        tracing::debug!(
            session = %format_args!("{:x}", $session),
            role = "session",
            step = $step,
            $($($field)+,)?
            $text
        )
    };
}

pub(crate) use event;
