//! Doors for the fuzz targets: the text of a user list.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::list::List;
use crate::name::UserName;

/// A user list, read and checked.
pub struct Users {
    list: List,
    bad: Vec<usize>,
}

/// A user of it.
#[derive(Debug, PartialEq, Eq)]
pub struct User {
    /// The owner of the maildrop.
    pub uid: u32,
    /// The group, where the line has one.
    pub gid: Option<u32>,
    /// The home, where the line has one.
    pub home: Option<PathBuf>,
    /// The stored password, without its scheme; nothing of an account that is locked.
    pub password: Option<Vec<u8>>,
}

impl Users {
    /// Reads a list.
    pub fn parse(text: &[u8]) -> Users {
        let (list, bad) = List::parse(Zeroizing::new(text.to_vec()));
        Users { list, bad: bad.into_iter().map(|bad| bad.line).collect() }
    }

    /// The lines that are left out, from 1, in their order.
    pub fn bad(&self) -> &[usize] {
        &self.bad
    }

    /// How many users it has.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The user of this name.
    pub fn get(&self, name: &[u8]) -> Option<User> {
        let entry = self.list.get(&UserName::try_from(name).ok()?)?;
        let password = entry.password.secret().map(|_| entry.password.octets().to_vec());
        Some(User { uid: entry.uid.get(), gid: entry.gid, home: entry.home.map(Into::into), password })
    }
}
