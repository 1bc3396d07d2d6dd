//! The five roles, each a process of its own. See ARCHITECTURE.md for the picture.

pub(crate) mod auth;
pub(crate) mod child;
pub(crate) mod listings;
pub(crate) mod log;
pub(crate) mod maildrop;
pub(crate) mod seal;
pub(crate) mod session;
pub(crate) mod supervisor;
