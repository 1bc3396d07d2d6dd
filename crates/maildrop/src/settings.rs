//! What an administrator can configure about maildrops.

use std::time::Duration;

use vocabulary::{LockMethod, UnescapeFrom};

use crate::mbox::Boundaries;
use crate::migration::UidlScheme;
use crate::received::ReceivedHeader;

/// The settings of all maildrops that an [`crate::Opener`] opens.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most messages that a maildrop may hold; one with more is not opened.
    pub max_messages: u32,
    /// Which lines of an mbox begin and end messages.
    pub boundaries: Boundaries,
    /// How body lines that begin with `From ` were quoted. They are served without the quoting.
    pub unescape_from: UnescapeFrom,
    /// What the Received: line before the messages of certain users says; `None` if no user gets one.
    pub received: Option<ReceivedHeader>,
    /// The locks that keep delivery agents out while an mbox is parsed or rewritten, in the order in which
    /// they are taken.
    pub lock_methods: Vec<LockMethod>,
    /// How often to try for those locks, at least once.
    pub retry_on_lock: u32,
    /// How long to wait between two tries.
    pub retry_pause: Duration,
    /// The age at which a dotlock that nobody refreshed is broken.
    pub stale_lock: Duration,
    /// Whether messages of an mbox that were read get a `Status:` line that says so.
    pub status_header: bool,
    /// Where UIDLs come from.
    pub uidl: UidlScheme,
}

impl Default for Settings {
    /// The values of the sample configuration.
    fn default() -> Self {
        Self {
            max_messages: 2_097_152,
            boundaries: Boundaries::default(),
            unescape_from: UnescapeFrom::None,
            received: None,
            lock_methods: vec![LockMethod::Dotlock, LockMethod::Fcntl],
            retry_on_lock: 10,
            retry_pause: Duration::from_secs(1),
            stale_lock: Duration::from_secs(300),
            status_header: false,
            uidl: UidlScheme::default(),
        }
    }
}
