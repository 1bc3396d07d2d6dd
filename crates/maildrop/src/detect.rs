//! Tells an mbox file from a Maildir by looking at it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use vocabulary::{Location, Storage};

use crate::error::OpenError;

const EXPECTED: &str = "an mbox (a file whose first line begins with \"From \") or a Maildir (a directory \
                        with \"new\" and \"cur\")";

/// Finds out which kind of maildrop lies at `path`. An empty file is an mbox without messages.
///
/// # Errors
///
/// [`OpenError::NotAMaildrop`] says what was found instead of an mbox or a Maildir; [`OpenError::Io`] means
/// that it cannot be looked at.
pub fn detect(path: &Path) -> Result<Location, OpenError> {
    let failed = |source| OpenError::Io { doing: "look for a mailbox", path: path.to_owned(), source };
    let not = |found: &str| {
        Err(OpenError::NotAMaildrop { path: path.to_owned(), expected: EXPECTED, found: found.to_owned() })
    };
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return not("nothing"),
        metadata => metadata.map_err(failed)?,
    };
    if metadata.is_dir() {
        let has = |name| path.join(name).is_dir();
        return match (has("new"), has("cur")) {
            (true, true) => Ok(Location { storage: Storage::Maildir, path: path.to_owned() }),
            (false, true) => not("a directory without \"new\""),
            (true, false) => not("a directory without \"cur\""),
            (false, false) => not("a directory without either"),
        };
    }
    if !metadata.is_file() {
        return not("neither a file nor a directory");
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| failed(errno.into()))?;
    let mut head = Vec::new();
    File::from(file).take(4096).read_to_end(&mut head).map_err(failed)?;
    // Some programs leave a blank line where the first message was.
    let text = head.trim_ascii_start();
    if text.is_empty() || text.starts_with(b"From ") {
        return Ok(Location { storage: Storage::Mbox, path: path.to_owned() });
    }
    not("a file that begins otherwise")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn tells_them_apart_and_says_what_it_found() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("mbox"), "From a\n\nx\n").unwrap();
        fs::write(at("blank"), "\nFrom a\n\nx\n").unwrap();
        fs::write(at("empty"), "").unwrap();
        fs::write(at("text"), "Dear diary").unwrap();
        for name in ["Maildir/new", "Maildir/cur", "half/cur", "folder/other"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        rustix::fs::mkfifoat(rustix::fs::CWD, at("fifo"), rustix::fs::Mode::RUSR).unwrap();

        for name in ["mbox", "blank", "empty"] {
            assert_eq!(detect(&at(name)).unwrap(), Location { storage: Storage::Mbox, path: at(name) });
        }
        assert_eq!(
            detect(&at("Maildir")).unwrap(),
            Location { storage: Storage::Maildir, path: at("Maildir") }
        );
        for (name, found) in [
            ("text", "begins otherwise"),
            ("half", "without \"new\""),
            ("folder", "without either"),
            ("fifo", "neither"),
            ("missing", "nothing"),
        ] {
            let error = detect(&at(name)).unwrap_err().to_string();
            assert!(error.contains(found) && error.contains("looked for an mbox"), "{error}");
        }
    }
}
