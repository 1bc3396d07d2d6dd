//! The Maildir that `~/.qmail` names: its first line, if that is a path that begins with `.` or `/` and ends
//! with `/` (dot-qmail(5)).
//!
//! The user writes the file and root reads it. Its content is harmless: it only names the path that the
//! maildrop process, running as the user, tries to open. So only the act of reading needs care.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// The longest first line, in octets.
const MOST: u64 = 1024;

/// The Maildir of the user with the home directory `home`; `None` if the file names none.
pub(super) fn maildir(home: &Path) -> Option<PathBuf> {
    // A link could lead to a file that only root may read, and opening a FIFO would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(home.join(".qmail"), flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    let whole = u64::try_from(text.len()).is_ok_and(|octets| octets < MOST);
    let end = text.iter().position(|&octet| octet == b'\n').or(whole.then_some(text.len()))?;
    parse(home, text.get(..end)?)
}

fn parse(home: &Path, line: &[u8]) -> Option<PathBuf> {
    let line = line.trim_ascii_end();
    let is_maildir = matches!(line.first(), Some(b'.' | b'/')) && line.ends_with(b"/");
    if !is_maildir || line.iter().any(u8::is_ascii_control) {
        return None;
    }
    let path = Path::new(std::ffi::OsStr::from_bytes(line));
    let up = path.components().any(|component| component == Component::ParentDir);
    // Refuses the whole home directory and the root directory.
    let named = path.components().any(|component| matches!(component, Component::Normal(_)));
    (named && !up).then(|| home.join(path).components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_first_line_decides() {
        let home = tempfile::tempdir().unwrap();
        let at = |text: &[u8]| {
            fs::write(home.path().join(".qmail"), text).unwrap();
            maildir(home.path())
        };
        let below = |name: &str| Some(home.path().join(name));
        assert_eq!(maildir(home.path()), None, "no file");
        assert_eq!(at(b"./Maildir/\n&bob@example.org\n"), below("Maildir"));
        assert_eq!(at(b"./a b//c/"), below("a b/c"));
        assert_eq!(at(b".mail/\r\n"), below(".mail"));
        assert_eq!(at(b"/srv/mail/alice/\n"), Some("/srv/mail/alice".into()));
        for text in [
            &b""[..],
            b"\n./Maildir/\n",
            b"# ./Maildir/\n",
            b"./Mailbox\n",
            b"|./deliver/\n",
            b"Maildir/\n",
            b"./\n",
            b"/\n",
            b"../bob/Maildir/\n",
            b"./a/../../bob/\n",
            b"./a\0b/\n",
            b"./a\tb/\n",
        ] {
            assert_eq!(at(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(at(&[b"./", &[b'x'; 2000][..], b"/\n"].concat()), None, "too long");
        let most = [b"./", &[b'x'; 1024][..]].concat();
        assert_eq!(at(&most), None, "no line end");
    }

    #[test]
    fn what_is_no_plain_file_is_not_read() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(".qmail");
        fs::write(home.path().join("other"), "./Maildir/\n").unwrap();
        std::os::unix::fs::symlink("other", &file).unwrap();
        assert_eq!(maildir(home.path()), None, "a link");
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert_eq!(maildir(home.path()), None, "a folder");
        fs::remove_dir(&file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        assert_eq!(maildir(home.path()), None, "a FIFO");
    }
}
