//! Entry points for the fuzz targets: what is read from a file's name.

use super::name;

/// What the name of a file in a Maildir says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaildirName<'a> {
    /// The part that never changes.
    pub unique: &'a [u8],
    /// When the message was delivered, in seconds since 1970.
    pub delivered: u64,
    /// Its octets as stored, and on the wire.
    pub sizes: Option<(u64, u64)>,
    /// Its octets as counted for a quota.
    pub counted: Option<u64>,
    /// Whether it is marked as trash.
    pub trash: bool,
}

/// Parses a name.
pub fn name(name: &[u8]) -> MaildirName<'_> {
    MaildirName {
        unique: name::unique(name),
        delivered: name::delivered(name),
        sizes: name::claimed_sizes(name),
        counted: name::counted_size(name),
        trash: name::is_trash(name),
    }
}
