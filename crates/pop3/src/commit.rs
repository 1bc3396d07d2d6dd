//! What becomes of the deletions at QUIT.

/// What came of the deletions at QUIT (RFC 1939, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All marked messages are removed and the maildrop is released: `+OK`.
    Done,
    /// Only some are removed: `-ERR`.
    Partial {
        /// How many messages are removed.
        removed: u32,
    },
    /// None is removed, for instance because the mailbox changed under us: `-ERR`.
    Failed,
}
