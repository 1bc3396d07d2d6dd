//! From the command line to the running supervisor.

pub(crate) mod daemon;
mod detach;
mod passed;
