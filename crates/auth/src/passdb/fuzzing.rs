//! Access for the fuzz targets: the text of a user list.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::indexed_userlist::IndexedUserlist;
use crate::name::UserName;

/// A parsed user list.
pub struct FuzzedUserlist {
    list: IndexedUserlist,
    bad: Vec<usize>,
}

/// A user of the list.
#[derive(Debug, PartialEq, Eq)]
pub struct FuzzedUser {
    /// The owner of the maildrop.
    pub uid: u32,
    /// The group, if the line has one.
    pub gid: Option<u32>,
    /// The home directory, if the line has one.
    pub home: Option<PathBuf>,
    /// The stored password without its scheme; `None` for a locked account.
    pub password: Option<Vec<u8>>,
}

impl FuzzedUserlist {
    /// Parses a list.
    pub fn parse(text: &[u8]) -> Self {
        let (list, bad) = IndexedUserlist::parse(Zeroizing::new(text.to_vec()));
        Self { list, bad: bad.into_iter().map(|bad| bad.line).collect() }
    }

    /// The numbers of the invalid lines, from 1, ascending.
    pub fn bad(&self) -> &[usize] {
        &self.bad
    }

    /// The number of users.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The user of this name.
    pub fn get(&self, name: &[u8]) -> Option<FuzzedUser> {
        let entry = self.list.get(&UserName::try_from(name).ok()?)?;
        let password = entry.password.secret().map(|_| entry.password.octets().to_vec());
        Some(FuzzedUser { uid: entry.uid.get(), gid: entry.gid, home: entry.home.map(Into::into), password })
    }
}
