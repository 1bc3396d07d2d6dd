//! The files of a user's log: `USER`, and what logrotate(8) made of it, `USER.1`, `USER.2.gz` and so on,
//! beside it or in the folder `.old`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use config::path_part;
use rustix::fs::OFlags;

/// The folder of old logs. No user name has a leading dot.
const OLD: &str = ".old";

/// The logs of each user in this folder.
///
/// `bob.1` is an old log of bob if bob has a log; otherwise it belongs to a user of this name.
///
/// # Errors
///
/// The system's, for reading the folder. A missing [`OLD`] is not an error.
pub(crate) fn all(folder: &Path) -> io::Result<BTreeMap<String, Vec<PathBuf>>> {
    let here = names(folder)?;
    let old = match names(&folder.join(OLD)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
        names => names?,
    };
    let mut logs: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for name in &here {
        let user = unrotated(name).filter(|user| here.contains(*user)).unwrap_or(name);
        logs.entry(user.to_owned()).or_default().push(folder.join(name));
    }
    for name in &old {
        let user = unrotated(name).unwrap_or(name);
        logs.entry(user.to_owned()).or_default().push(folder.join(OLD).join(name));
    }
    Ok(logs)
}

/// Opens a user's log. The user may have replaced it, so it must be a regular file and not a link.
///
/// # Errors
///
/// The system's; it is not a regular file.
pub(crate) fn open(log: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(log)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// The user of a rotated log: its name without `.1`, `.2.gz`, `-20261123` or `-20261123.gz`.
fn unrotated(name: &str) -> Option<&str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let (user, number) = name.rsplit_once(['.', '-'])?;
    let numeric = !number.is_empty() && number.bytes().all(|octet| octet.is_ascii_digit());
    (numeric && !user.is_empty()).then_some(user)
}

/// The names in a folder that can belong to logs.
fn names(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && path_part(&name).is_ok()
        {
            names.insert(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_logs_belong_to_their_users() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(OLD)).unwrap();
        for name in [
            "bob",
            "bob.1",
            "bob.2.gz",
            "amy.7",
            ".hidden",
            "a@b.c",
            ".old/bob.3.gz",
            ".old/gone-20261123",
            ".old/a@b.c.1",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let logs = all(folder.path()).unwrap();
        let counts: Vec<_> = logs.iter().map(|(user, logs)| (user.as_str(), logs.len())).collect();
        assert_eq!(counts, [("a@b.c", 2), ("amy.7", 1), ("bob", 4), ("gone", 1)]);
    }

    #[test]
    fn a_log_that_leads_elsewhere_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("bob");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(open(&link).is_err());
        assert!(open(folder.path()).is_err());
    }
}
