//! Which files a process can still reach by name, and no ports, no signals (landlock(7)).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope,
};
use rustix::fs::{Mode, OFlags};

/// What we know of the interface.
const KNOWN: ABI = ABI::V6;
/// The same as a number.
pub(super) const WHOLE: u32 = 6;

/// A file or folder that stays reachable, with all below it.
#[derive(Debug, Clone)]
pub struct Grant<'a> {
    /// Which.
    pub target: GrantTarget<'a>,
    /// For what.
    pub rights: Rights,
}

/// Where something lies.
#[derive(Debug, Clone)]
pub enum GrantTarget<'a> {
    /// At this path, links followed. What cannot be opened by the process is not granted.
    Path(PathBuf),
    /// Here.
    Open(BorrowedFd<'a>),
}

/// What may be done below a place, as far as the file's own permissions allow. Never: executing, making links, devices and
/// sockets, and controlling devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Reading.
    Read,
    /// Reading, listing, writing, making and removing files.
    Files,
    /// The same, and making and removing folders.
    FilesAndFolders,
}

/// Leaves the process these files by name and no other; no TCP port to bind or to connect to; no signal to and no abstract
/// socket of a process outside. What is open stays usable. It gives up ever to gain rights by exec
/// (`PR_SET_NO_NEW_PRIVS`), and must have one thread.
///
/// An older kernel enforces what it knows of this, and one without landlock nothing: see [`super::Support`].
///
/// # Errors
///
/// What landlock_create_ruleset(2), landlock_add_rule(2) or landlock_restrict_self(2) says.
pub fn confine(grants: &[Grant<'_>]) -> io::Result<()> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))
        .and_then(|ruleset| ruleset.handle_access(AccessNet::from_all(KNOWN)))
        .and_then(|ruleset| ruleset.scope(Scope::from_all(KNOWN)))
        .and_then(Ruleset::create);
    let mut ruleset = ruleset.map_err(io::Error::other)?;
    for Grant { target, rights } in grants {
        let opened = match target {
            GrantTarget::Path(path) => {
                match rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
                    Ok(opened) => Some(opened),
                    Err(_) => continue,
                }
            }
            GrantTarget::Open(_) => None,
        };
        let at = match (&opened, target) {
            (Some(opened), _) => opened.as_fd(),
            (None, GrantTarget::Open(at)) => *at,
            (None, GrantTarget::Path(_)) => continue,
        };
        ruleset = ruleset.add_rule(PathBeneath::new(at, rights.access())).map_err(io::Error::other)?;
    }
    ruleset.restrict_self().map(drop).map_err(io::Error::other)
}

impl Rights {
    fn access(self) -> BitFlags<AccessFs> {
        let files = AccessFs::ReadFile
            | AccessFs::WriteFile
            | AccessFs::Truncate
            | AccessFs::ReadDir
            | AccessFs::MakeReg
            | AccessFs::RemoveFile;
        match self {
            Self::Read => AccessFs::ReadFile.into(),
            Self::Files => files,
            Self::FilesAndFolders => files | AccessFs::MakeDir | AccessFs::RemoveDir,
        }
    }
}
