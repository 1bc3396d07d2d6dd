//! The group that may make lock files in the mail spool (setting `mailgroup`): which maildrop processes need
//! it.
//!
//! Where /var/mail is root:mail 2775, a user's own process cannot make `USER.lock` there. A maildrop process
//! then keeps the group as its saved group id, which gives no access to anything, and takes it for single
//! operations on lock files, on one thread.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use config::Config;
use maildrop_role::SpoolGroup;
use vocabulary::{LockMethod, Storage};

/// Lock files in the mail spool that maildrop processes cannot make.
#[derive(Debug)]
pub(crate) enum UnusableGroup {
    /// The group cannot be looked up.
    LookUp { name: String, source: io::Error },
    /// It is root's group, which no maildrop process may have.
    Roots(String),
    /// There is no such group.
    Missing { name: String, spool: PathBuf },
    /// The spool belongs to another group.
    Other { name: String, spool: PathBuf, needed: u32 },
}

impl fmt::Display for UnusableGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LookUp { name, source } => write!(f, "{name} cannot be looked up: {source}"),
            Self::Roots(name) => write!(f, "{name} is root's group, which no maildrop process may have"),
            Self::Missing { name, spool } => {
                write!(f, "there is no group {name}, and lock files in {} need one", spool.display())
            }
            Self::Other { name, spool, needed } => {
                write!(
                    f,
                    "lock files in {} need the group {needed}, and {name} is another one",
                    spool.display()
                )
            }
        }
    }
}

/// The group that maildrop processes need to make lock files; `None` if they need none.
///
/// # Errors
///
/// They need it, and there is none of this name that would help. It is up to the caller what follows: mail in
/// folders that their owners may write is served all the same.
pub(crate) fn needed(config: &Config) -> Result<Option<SpoolGroup>, UnusableGroup> {
    let mut storages = config.user_storage.values().chain([&config.storage]);
    let locks = config.lock_methods.contains(&LockMethod::Dotlock)
        && storages.any(|storage| *storage != Storage::Maildir);
    if !locks || !sys::identity::is_root() {
        return Ok(None);
    }
    let writers = match &config.mbox {
        None => writers_of(&config.mail_spool_dir),
        // It may lead anywhere.
        Some(_) => Some(Writers::Unknown),
    };
    let name = || config.mailgroup.clone();
    let spool = || config.mail_spool_dir.clone();
    let group = sys::group::group_by_name(&config.mailgroup)
        .map_err(|source| UnusableGroup::LookUp { name: name(), source })?;
    match (writers, group) {
        (Some(Writers::Group(_) | Writers::Unknown), Some(0)) => Err(UnusableGroup::Roots(name())),
        (Some(Writers::Group(gid)), Some(group)) if gid == group => Ok(Some(SpoolGroup(group))),
        (Some(Writers::Group(needed)), Some(_)) => {
            Err(UnusableGroup::Other { name: name(), spool: spool(), needed })
        }
        (Some(Writers::Group(_)), None) => Err(UnusableGroup::Missing { name: name(), spool: spool() }),
        (Some(Writers::Unknown), group) => Ok(group.map(SpoolGroup)),
        (Some(Writers::All) | None, _) => Ok(None),
    }
}

/// The users besides its owner that may make files in a folder.
enum Writers {
    /// Everyone, as in a spool of mode 1777.
    All,
    /// The members of this group.
    Group(u32),
    /// It is not known which folder it will be.
    Unknown,
}

/// `None` for a folder that does not exist or that only its owner may write.
fn writers_of(folder: &Path) -> Option<Writers> {
    let about = std::fs::metadata(folder).ok()?;
    match about.mode() & 0o022 {
        0 => None,
        0o020 => Some(Writers::Group(about.gid())),
        _ => Some(Writers::All),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown};

    fn config(spool: &Path, mailgroup: &str) -> Config {
        Config { mail_spool_dir: spool.to_owned(), mailgroup: mailgroup.to_owned(), ..Config::default() }
    }

    #[test]
    fn the_group_is_kept_only_where_it_is_needed_and_helps() {
        let spool = tempfile::tempdir().unwrap();
        let needed = |mode, mailgroup: &str| {
            std::fs::set_permissions(spool.path(), Permissions::from_mode(mode)).unwrap();
            super::needed(&config(spool.path(), mailgroup)).map_err(|error| error.to_string())
        };
        if !sys::identity::is_root() {
            assert_eq!(needed(0o2775, "daemon"), Ok(None), "without root there is nothing to take");
            return;
        }
        let daemon = sys::group::group_by_name("daemon").unwrap().expect("every system has this group");
        chown(spool.path(), None, Some(daemon)).unwrap();
        assert_eq!(needed(0o2775, "daemon"), Ok(Some(SpoolGroup(daemon))));
        assert_eq!(needed(0o1777, "daemon"), Ok(None), "everyone may make lock files");
        assert_eq!(needed(0o755, "daemon"), Ok(None), "nobody may");
        assert!(needed(0o2775, "bin").unwrap_err().contains("bin is another one"));
        assert!(needed(0o2775, "no-such-group").unwrap_err().contains("no group no-such-group"));
        assert!(needed(0o2775, "root").unwrap_err().contains("root's group"));
        assert_eq!(needed(0o1777, "no-such-group"), Ok(None), "not needed, not missed");
        let maildir = Config { storage: Storage::Maildir, ..config(spool.path(), "no-such-group") };
        assert_eq!(super::needed(&maildir).map_err(|error| error.to_string()), Ok(None));
    }
}
