//! A generation that becomes the current one when its session role accepts.

use std::time::Instant;

use super::generation::Generation;
use crate::plan::Reload;

pub(super) struct Incoming {
    pub(super) generation: Generation,
    pub(super) reload: Reload,
    /// When it is abandoned if it does not serve yet.
    pub(super) until: Instant,
    /// The previous log settings, to be restored if it is abandoned.
    pub(super) log: Option<log_role::Settings>,
}

impl Incoming {
    /// When it is abandoned if it does not serve yet.
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}
