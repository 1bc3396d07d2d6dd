//! The logs: which files they are in, how they are read, and what their lines mean.

pub(crate) mod central;
pub(crate) mod files;
pub(crate) mod lines;
pub(crate) mod user;
