//! Auth ↔ supervisor: auth needs to speak to the maildrop process of a uid, which only the
//! supervisor can fork.

use serde::{Deserialize, Serialize};

use crate::open::PathOctets;
use crate::wire::Message;

/// The most folders of [`Reach::Folders`]: that of a mailbox, and that where a link to it leads.
pub const MOST_FOLDERS: usize = 2;

/// "I need the maildrop process of this user."
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hire {
    /// What the process is for.
    pub post: Post,
    /// The process that auth knew before and that answers no more.
    pub instead_of: Option<WorkerId>,
}

/// What a maildrop process is for: there is one for each.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Post {
    /// The maildrops' owner; never 0.
    pub uid: u32,
    /// The owner's group.
    pub gid: u32,
    /// What the process opens of all that is the owner's.
    pub reach: Reach,
}

/// Which files a maildrop process can open at all, where the kernel can see to that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reach {
    /// Those in the folders of mail that the configuration names.
    Roots,
    /// Those in these folders as well.
    Folders(Vec<PathOctets>),
    /// All that the owner can.
    Anything,
}

impl Message for Hire {
    fn check(&self) -> Result<(), &'static str> {
        let Post { uid, gid, reach } = &self.post;
        if *uid == 0 {
            return Err("root owns no maildrop session");
        }
        // setresuid(2) and setresgid(2) take this number for "leave it as it is": the process would stay root's.
        if *uid == u32::MAX || *gid == u32::MAX {
            return Err("4294967295 is no uid and no gid");
        }
        match reach {
            Reach::Folders(folders) if folders.len() > MOST_FOLDERS => Err("too many folders"),
            _ => Ok(()),
        }
    }
}

/// One maildrop process, counted from the supervisor's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkerId(pub u64);

/// The supervisor's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hired {
    /// The descriptor beside this message takes [`crate::open::Open`] orders for that process.
    Ready(WorkerId),
    /// No process could be had; the supervisor has logged why.
    Failed,
}

impl Message for Hired {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};
    use std::path::Path;

    #[test]
    fn both_survive_and_what_would_stay_root_is_refused() {
        let hire = |uid, gid, reach| Hire { post: Post { uid, gid, reach }, instead_of: Some(WorkerId(4)) };
        let folders = |number| Reach::Folders(vec![Path::new("/home/alice/Maildir").into(); number]);
        round_trip(&hire(1000, 8, Reach::Roots));
        round_trip(&hire(1000, 8, Reach::Anything));
        round_trip(&hire(1000, 8, folders(MOST_FOLDERS)));
        round_trip(&Hired::Ready(WorkerId(u64::MAX)));
        round_trip(&Hired::Failed);
        for (uid, gid) in [(0, 0), (u32::MAX, 8), (1000, u32::MAX)] {
            assert!(encode(&hire(uid, gid, Reach::Roots)).is_err(), "{uid}, {gid}");
        }
        assert!(encode(&hire(1000, 8, folders(MOST_FOLDERS + 1))).is_err());
    }
}
