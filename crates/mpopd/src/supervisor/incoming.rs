//! A generation that becomes the current one when its session role accepts.

use std::time::Instant;

use super::generation::Generation;
use crate::plan::Reload;

pub(super) struct Incoming {
    pub(super) generation: Generation,
    pub(super) reload: Reload,
    /// When it is given up.
    pub(super) until: Instant,
    /// How the log was written before.
    pub(super) log: Option<log_role::Settings>,
}

impl Incoming {
    /// When it is given up.
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}
