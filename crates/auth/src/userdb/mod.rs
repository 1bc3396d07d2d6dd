//! What a user owns: the identity that opens the maildrop, and where that is.

mod location;
mod qmail;

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::name::UserName;

pub(crate) use location::Locations;
pub use location::{Location, maildrop_of};

/// The uid that a maildrop belongs to. Never 0: root owns no maildrop session. Never 4294967295 either, which
/// setresuid(2) takes for "leave it as it is".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerUid(NonZeroU32);

impl OwnerUid {
    /// `None` for 0 and 4294967295.
    pub fn new(uid: u32) -> Option<Self> {
        if uid == u32::MAX { None } else { NonZeroU32::new(uid).map(Self) }
    }

    /// The number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for OwnerUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a passdb knows of a user whose password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The name that counts from here on.
    pub(crate) user: UserName,
    pub(crate) uid: OwnerUid,
    /// As the source states it; without it, that of the uid's passwd entry counts.
    pub(crate) gid: Option<u32>,
    /// The uid is a user's of this machine, and theirs alone.
    pub(crate) own_uid: bool,
    /// An absolute path.
    pub(crate) home: Option<PathBuf>,
    pub(crate) mail: Mail,
}

/// What a passdb knows of where a user's mail is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    /// Nothing: the settings say it.
    BySettings,
    /// At this path, stored as the settings say.
    Path(PathBuf),
    /// Just there.
    At(Location),
}

impl Owner {
    /// The group: as stated, else the primary group of the uid in passwd(5), else the number of the uid.
    ///
    /// # Errors
    /// The system's name service does not answer.
    pub(crate) fn effective_gid(&self) -> std::io::Result<u32> {
        match self.gid {
            Some(gid) => Ok(gid),
            None => Ok(sys::identity::user_by_uid(self.uid.get())?.map_or(self.uid.get(), |user| user.gid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_owns_mail_as_root() {
        assert_eq!(OwnerUid::new(0), None);
        assert_eq!(OwnerUid::new(u32::MAX), None);
        assert_eq!(OwnerUid::new(1000).map(OwnerUid::get), Some(1000));
    }

    #[test]
    fn a_missing_group_is_that_of_the_uid() {
        let user = UserName::try_from(&b"a"[..]).unwrap();
        let owner = |uid, gid| {
            let (user, uid) = (user.clone(), OwnerUid::new(uid).unwrap());
            Owner { user, uid, gid, own_uid: false, home: None, mail: Mail::BySettings }
        };
        assert_eq!(owner(1, Some(7)).effective_gid().unwrap(), 7);
        // Every Linux system has "nobody" or "daemon"; a number that nobody has stands for its own group.
        let daemon = sys::identity::user_by_uid(1).unwrap().map_or(1, |user| user.gid);
        assert_eq!(owner(1, None).effective_gid().unwrap(), daemon);
        assert_eq!(owner(4_000_000_001, None).effective_gid().unwrap(), 4_000_000_001);
    }
}
