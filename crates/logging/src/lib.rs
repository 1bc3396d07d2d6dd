//! The log as every process sees it: one event is one line, in the form that docs/logging.md describes.
//!
//! The daemon's processes put their lines into one queue that the log role reads. They never wait for it: a
//! line that does not fit is dropped and counted. `mpopd try` writes to standard error.
#![forbid(unsafe_code)]

mod append;
mod output;
pub mod render;
mod step;
mod subscriber;
mod untrusted;

pub use append::append;
pub use output::descriptor;
pub use step::{StepTimer, micros};
pub use subscriber::{set_level, start_to_queue, start_to_stderr};
pub use untrusted::Untrusted;
