//! The log role: takes the lines of all roles from one queue and writes them where the configuration says.
//!
//! It alone has the log file. It may wait for a disk or a syslog daemon, and no other role waits for it: a
//! line that does not fit into the queue is dropped and counted by its sender. A line that cannot be written
//! now is kept, up to a bound, and tried again.
#![forbid(unsafe_code)]

mod datagrams;
mod file;
mod keeper;
mod run;
mod settings;

pub use run::run;
pub use settings::{Channels, Settings};
