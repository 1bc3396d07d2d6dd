//! The names of indexes.

/// What an index describes: a maildrop, read by certain rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IndexKey(pub(super) [u8; 32]);
