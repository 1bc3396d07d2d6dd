//! Debug lines that follow one session through all roles: each has the session's number, the role, the step,
//! and how long it took.
//!
//! When `log_level` is not `debug` they cost a comparison of levels, and no clock is read.

use std::time::{Duration, Instant};

/// Measures one step. It reads the clock only while debug lines are logged.
#[derive(Debug)]
pub struct StepTimer(Option<Instant>);

impl StepTimer {
    /// Starts to measure.
    pub fn start() -> Self {
        Self(tracing::event_enabled!(tracing::Level::DEBUG).then(Instant::now))
    }

    /// The time since the start, in microseconds; 0 if debug lines are not logged.
    pub fn micros(&self) -> u64 {
        self.0.map_or(0, |start| micros(start.elapsed()))
    }
}

/// A duration in microseconds, for the field `us`.
pub fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Logs a step of a session: the session's number, the role, the step, a text, and more fields in the syntax
/// of `tracing`. Nothing is evaluated unless the line is logged.
#[macro_export]
macro_rules! step {
    ($session:expr, $role:literal, $step:expr, $text:literal $(, $($field:tt)+)?) => {
        ::tracing::debug!(
            session = %::core::format_args!("{:x}", $session),
            role = $role,
            step = $step,
            $($($field)+,)?
            $text
        )
    };
}
