//! Whom a login opens a maildrop for.

use std::path::PathBuf;

use vocabulary::Location;

use crate::name::UserName;
use crate::userdb::OwnerUid;

/// The user who logged in, and the maildrop that this opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user, by the name that counts from here on.
    pub user: UserName,
    /// The owner of the maildrop; never root.
    pub uid: OwnerUid,
    /// The group of the process that opens it.
    pub gid: u32,
    /// Whether the uid belongs to this user alone: true for a user of the machine, false for one of many
    /// virtual users who share a uid of a database or a list.
    pub own_uid: bool,
    /// The home directory, if there is one; an absolute path.
    pub home: Option<PathBuf>,
    /// The maildrop; its path is absolute.
    pub maildrop: Location,
}
