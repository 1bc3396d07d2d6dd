//! The result of QUIT.

/// What happened to the marked messages at QUIT (RFC 1939, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All marked messages are removed and the maildrop is released: `+OK`.
    Done,
    /// Only some of them are removed: `-ERR`.
    Partial {
        /// Number of messages removed.
        removed: u32,
    },
    /// None is removed, for instance because another program changed the mailbox: `-ERR`.
    Failed,
}
