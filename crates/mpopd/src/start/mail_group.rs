//! The group that may make lock files in the mail spool (setting `mailgroup`), and its use for that moment.
//!
//! Where /var/mail is root:mail 2775, a user's own process cannot make `USER.lock` there. A maildrop process then keeps the group as its
//! saved group id, which gives no access to anything, and takes it for single operations on lock files, on one thread.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use config::Config;
use maildrop_role::Group;
use vocabulary::{LockMethod, Storage};

/// The group that maildrop processes need to make lock files; `None` if they need none.
///
/// # Errors
///
/// It is needed, and there is none of this name that would be of use. What follows from that is up to the caller: mail in
/// folders that their owners may write is served all the same.
pub(crate) fn needed(config: &Config) -> Result<Option<Group>, String> {
    let mut storages = config.user_storage.values().chain([&config.storage]);
    let locks = config.lock_methods.contains(&LockMethod::Dotlock)
        && storages.any(|storage| *storage != Storage::Maildir);
    if !locks || !sys::identity::is_root() {
        return Ok(None);
    }
    let spool = match &config.mbox {
        None => writable_by(&config.mail_spool_dir),
        // It may lead anywhere.
        Some(_) => Some(Writers::Unknown),
    };
    let name = &config.mailgroup;
    let group =
        sys::group::group_by_name(name).map_err(|error| format!("{name} cannot be looked up: {error}"))?;
    let dir = config.mail_spool_dir.display();
    match (spool, group) {
        (Some(Writers::Group(_) | Writers::Unknown), Some(0)) => {
            Err(format!("{name} is root's group, which no maildrop process may have"))
        }
        (Some(Writers::Group(gid)), Some(group)) if gid == group => Ok(Some(Group(group))),
        (Some(Writers::Group(gid)), Some(_)) => {
            Err(format!("lock files in {dir} need the group {gid}, and {name} is another one"))
        }
        (Some(Writers::Group(_)), None) => {
            Err(format!("there is no group {name}, and lock files in {dir} need one"))
        }
        (Some(Writers::Unknown), group) => Ok(group.map(Group)),
        (Some(Writers::All) | None, _) => Ok(None),
    }
}

/// Who may make files in a folder, besides its owner.
enum Writers {
    /// Everyone, as in a spool of mode 1777.
    All,
    /// Those in this group.
    Group(u32),
    /// It is not known which folder it will be.
    Unknown,
}

/// `None` for a folder that does not exist, or that only its owner may write.
fn writable_by(folder: &Path) -> Option<Writers> {
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
            needed(&config(spool.path(), mailgroup))
        };
        if !sys::identity::is_root() {
            assert_eq!(needed(0o2775, "daemon"), Ok(None), "without root there is nothing to take");
            return;
        }
        let daemon = sys::group::group_by_name("daemon").unwrap().expect("every system has this group");
        chown(spool.path(), None, Some(daemon)).unwrap();
        assert_eq!(needed(0o2775, "daemon"), Ok(Some(Group(daemon))));
        assert_eq!(needed(0o1777, "daemon"), Ok(None), "everyone may make lock files");
        assert_eq!(needed(0o755, "daemon"), Ok(None), "nobody may");
        assert!(needed(0o2775, "bin").unwrap_err().contains("bin is another one"));
        assert!(needed(0o2775, "no-such-group").unwrap_err().contains("no group no-such-group"));
        assert!(needed(0o2775, "root").unwrap_err().contains("root's group"));
        assert_eq!(needed(0o1777, "no-such-group"), Ok(None), "not needed, not missed");
        let maildir = Config { storage: Storage::Maildir, ..config(spool.path(), "no-such-group") };
        assert_eq!(super::needed(&maildir), Ok(None));
    }
}
