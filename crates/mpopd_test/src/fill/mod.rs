//! `--fill`: mailboxes to test a server with, the same for the same seed on every machine.

mod message;
mod random;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use message::GeneratedMail;
use random::Random;

use crate::error::Error;
use crate::numbers::{float, wide};
use crate::users::TestUser;

/// What to make.
#[derive(Debug)]
pub(crate) struct FillSpec {
    pub(crate) format: MailboxFormat,
    pub(crate) seed: u64,
    /// Messages of each mailbox.
    pub(crate) messages: u32,
    /// Half of the messages are smaller than this, in octets.
    pub(crate) median: u32,
}

/// A mailbox format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailboxFormat {
    Mbox,
    Maildir,
}

/// What was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filled {
    mailboxes: usize,
    messages: u64,
    octets: u64,
}

/// Makes one mailbox at `place`, or one per user below it: `place/USER/Maildir`, `place/USER` for an mbox.
///
/// # Errors
///
/// The system's, which includes a mailbox that exists already; a user name that cannot be a file's name.
pub(crate) fn fill(order: &FillSpec, place: &Path, users: Option<&[TestUser]>) -> Result<Filled, Error> {
    let mut filled = Filled::default();
    let Some(users) = users else {
        order
            .mailbox(place, 0, "you", &mut filled)
            .map_err(|error| Error::Io(place.display().to_string(), error))?;
        return Ok(filled);
    };
    for (number, user) in (0..).zip(users) {
        if user.name.contains('/') || user.name.starts_with('.') {
            return Err(Error::UserName(user.name.clone()));
        }
        let path = match order.format {
            MailboxFormat::Mbox => place.join(&user.name),
            MailboxFormat::Maildir => place.join(&user.name).join("Maildir"),
        };
        order
            .mailbox(&path, number, &user.name, &mut filled)
            .map_err(|error| Error::Io(path.display().to_string(), error))?;
    }
    Ok(filled)
}

impl FillSpec {
    fn mailbox(&self, path: &Path, number: u64, user: &str, filled: &mut Filled) -> io::Result<()> {
        // A mailbox does not depend on those made before it.
        let mut random = Random::new(self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        filled.mailboxes += 1;
        match self.format {
            MailboxFormat::Mbox => self.mbox(path, user, &mut random, filled),
            MailboxFormat::Maildir => self.maildir(path, user, &mut random, filled),
        }
    }

    fn mbox(&self, path: &Path, user: &str, random: &mut Random, filled: &mut Filled) -> io::Result<()> {
        // Never overwrite a mailbox: it may be someone's.
        let mut out = BufWriter::new(File::create_new(path)?);
        for index in 0..self.messages {
            let mail = GeneratedMail::new(random, user, index, self.median);
            let stored = mail.in_mbox();
            writeln!(out, "From {} {}", mail.envelope_sender, mail.mbox_date)?;
            out.write_all(&stored)?;
            out.write_all(b"\n")?;
            filled.count(&stored);
        }
        out.flush()
    }

    fn maildir(&self, path: &Path, user: &str, random: &mut Random, filled: &mut Filled) -> io::Result<()> {
        fs::create_dir(path)?;
        for folder in ["tmp", "new", "cur"] {
            fs::create_dir(path.join(folder))?;
        }
        for index in 0..self.messages {
            let mail = GeneratedMail::new(random, user, index, self.median);
            let stored = mail.in_maildir(random);
            // The last quarter is unread mail. The names of the rest carry the size, as in Maildir++.
            let name = format!("{}.M{index:06}P{}.mail", mail.delivered, 100 + index % 900);
            let name = match u64::from(index) * 4 < u64::from(self.messages) * 3 {
                true => format!("cur/{name},S={}:2,{}", stored.len(), ["", "S", "RS", "FS"][random.below(4)]),
                false => format!("new/{name}"),
            };
            fs::write(path.join(name), &stored)?;
            filled.count(&stored);
        }
        Ok(())
    }
}

impl Filled {
    fn count(&mut self, stored: &[u8]) {
        self.messages += 1;
        self.octets += wide(stored.len());
    }
}

impl fmt::Display for Filled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mailboxes, messages, octets } = self;
        let plural = if *mailboxes == 1 { "mailbox" } else { "mailboxes" };
        write!(f, "{mailboxes} {plural}, {messages} messages, {:.1} MB", float(*octets) / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mbox, users};

    fn order(format: MailboxFormat, seed: u64) -> FillSpec {
        FillSpec { format, seed, messages: 60, median: 3000 }
    }

    /// Names and contents of all files below a folder.
    fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => {
                        let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                        found.push((name, fs::read(path).unwrap()));
                    }
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn the_same_seed_makes_the_same_mailboxes() {
        let folder = tempfile::tempdir().unwrap();
        let users = users::parse("u%d:0-1", "").unwrap();
        for (name, seed) in [("a", 7), ("b", 7), ("c", 8)] {
            fill(&order(MailboxFormat::Maildir, seed), &folder.path().join(name), Some(&users)).unwrap();
        }
        let [a, b, c] = ["a", "b", "c"].map(|name| files(&folder.path().join(name)));
        assert_eq!(a.len(), 120);
        assert!(a == b && a != c);
        let (first, second) = a.split_at(60);
        assert!(
            first.iter().zip(second).all(|((_, one), (_, other))| one != other),
            "users have mail of their own"
        );
    }

    /// Tests the octets themselves, so that no change of the generator goes unnoticed: figures of other runs
    /// would not compare.
    #[test]
    fn a_seed_means_the_same_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fill(&order(MailboxFormat::Mbox, 1), &path, None).unwrap();
        assert_eq!(blake3::hash(&fs::read(path).unwrap()).to_hex()[..16], *"86676d829ae788a0");
    }

    #[test]
    fn an_mbox_has_as_many_messages_as_were_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        let filled = fill(&order(MailboxFormat::Mbox, 3), &path, None).unwrap();
        let text = fs::read(&path).unwrap();
        assert_eq!(mbox::messages(&text).len(), 60);
        assert_eq!(filled.messages, 60);
        assert!(text.windows(6).any(|part| part == b"\n>From"));
    }

    #[test]
    fn the_traps_are_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Maildir");
        fill(&FillSpec { messages: 300, ..order(MailboxFormat::Maildir, 1) }, &path, None).unwrap();
        let files = files(&path);
        let some = |what: &str, trap: &dyn Fn(&[u8]) -> bool| {
            assert!(files.iter().any(|(_, text)| trap(text)), "no message has {what}");
        };
        let has = |needle: &'static [u8]| move |text: &[u8]| memchr::memmem::find(text, needle).is_some();
        some("a dot alone on a line", &has(b"\n.\n"));
        some("two dots at a line start", &has(b"\n.."));
        some("a From line", &has(b"\nFrom "));
        some("a quoted From line", &has(b"\n>From "));
        some("base64", &has(b"Content-Transfer-Encoding: base64\n"));
        some("quoted-printable", &has(b"Content-Transfer-Encoding: quoted-printable\n"));
        some("eight bits", &|text| !text.is_ascii());
        some("a line over 998 octets", &|text| {
            text.split(|&octet| octet == b'\n').any(|line| line.len() > 998)
        });
        some("no newline at its end", &|text| !text.ends_with(b"\n"));
        some("CRLF line ends", &has(b"\r\n"));
        let mut sizes: Vec<_> = files.iter().map(|(_, text)| text.len()).collect();
        sizes.sort_unstable();
        assert!((2000..5000).contains(&sizes[150]), "the median is {}", sizes[150]);
        assert!(sizes[299] > 10 * sizes[150], "the largest is {}", sizes[299]);
    }

    #[test]
    fn a_mailbox_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mbox");
        fs::write(&path, "mail").unwrap();
        assert!(
            fill(&order(MailboxFormat::Mbox, 1), &path, None).unwrap_err().to_string().contains("exists")
        );
        assert!(fill(&order(MailboxFormat::Maildir, 1), folder.path(), None).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"mail");
        let users = users::parse("../u%d:0-1", "").unwrap();
        assert!(
            fill(&order(MailboxFormat::Mbox, 1), folder.path(), Some(&users))
                .unwrap_err()
                .to_string()
                .contains("file's name")
        );
    }
}
