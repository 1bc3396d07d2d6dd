//! Debug lines that follow one session: see [`logging::step`].

pub(crate) use logging::{StepTimer, micros};

/// Logs what a session does: its number, the step, the text, and more fields in the syntax of [`tracing`].
/// Nothing is evaluated unless the line is logged.
macro_rules! event {
    ($session:expr, $step:expr, $($rest:tt)+) => {
        ::logging::step!($session, "session", $step, $($rest)+)
    };
}

pub(crate) use event;
