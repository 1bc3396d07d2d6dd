//! The owner of a maildrop.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;

use vocabulary::Location;

use crate::name::UserName;

/// The uid that owns a maildrop. Never 0: root may not own one. Never 4294967295 either, which setresuid(2)
/// takes as "leave unchanged".
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

/// What a passdb knows about the owner of a maildrop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The name that counts from here on.
    pub(crate) user: UserName,
    pub(crate) uid: OwnerUid,
    /// As the source states it; otherwise the group of the uid in passwd(5) counts.
    pub(crate) gid: Option<u32>,
    /// The uid belongs to a user of this machine, and to nobody else.
    pub(crate) own_uid: bool,
    /// An absolute path.
    pub(crate) home: Option<PathBuf>,
    pub(crate) mail: StatedMaildrop,
}

/// What a passdb states about the location of a user's mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StatedMaildrop {
    /// Nothing: the settings decide.
    BySettings,
    /// The path; the settings decide how the mail is stored.
    Path(PathBuf),
    /// Both.
    At(Location),
}

impl Owner {
    /// The group: as stated, else the primary group of the uid in passwd(5), else the number of the uid.
    ///
    /// # Errors
    ///
    /// The system's name service failed.
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
            Owner { user, uid, gid, own_uid: false, home: None, mail: StatedMaildrop::BySettings }
        };
        assert_eq!(owner(1, Some(7)).effective_gid().unwrap(), 7);
        // Every Linux system has a user with uid 1; a uid without a passwd entry has the group of the same
        // number.
        let daemon = sys::identity::user_by_uid(1).unwrap().map_or(1, |user| user.gid);
        assert_eq!(owner(1, None).effective_gid().unwrap(), daemon);
        assert_eq!(owner(4_000_000_001, None).effective_gid().unwrap(), 4_000_000_001);
    }
}
