//! The text of a user list: one user per line, as `username:password:uid[:gid[:home]]`, and comments that
//! begin with `#`.
//!
//! The list stays in memory as text, checked once, with an index of its lines sorted by name. A provider's
//! list has a million lines, and each auth process holds it. Looking up a user parses their line again.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use super::fields::{absolute, number};
use crate::decoy::Decoy;
use crate::name::{BadUserName, UserName};
use crate::password::{BadPassword, StoredPassword};
use crate::password_costs::PasswordCosts;
use crate::userdb::OwnerUid;

/// The longest line, in octets: room for the longest name, path and hash.
const MAX_LINE_OCTETS: usize = 8192;

/// A parsed user list.
pub(crate) struct IndexedUserlist {
    text: Zeroizing<Vec<u8>>,
    /// The offset of each user's line, in octets, in the order of the names.
    lines: Vec<usize>,
    /// One password of each cost in the list.
    decoys: Vec<Decoy>,
}

/// A user as described by their line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UserlistEntry<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) password: StoredPassword<'a>,
    pub(crate) uid: OwnerUid,
    pub(crate) gid: Option<u32>,
    pub(crate) home: Option<&'a Path>,
}

/// An invalid line, and why it is left out. Lines count from 1.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadUserlistLine {
    pub(crate) line: usize,
    /// The user, if the line is valid that far.
    pub(crate) user: Option<String>,
    pub(crate) why: BadUserlistEntry,
}

impl IndexedUserlist {
    /// Parses a list. Invalid lines are left out and returned beside it, in their order.
    pub(crate) fn parse(text: Zeroizing<Vec<u8>>) -> (Self, Vec<BadUserlistLine>) {
        let mut bad = Vec::new();
        let mut users = Vec::new();
        let mut start = 0;
        for (nth, line) in text.split(|octet| *octet == b'\n').enumerate() {
            if !is_comment(line) {
                match UserlistEntry::parse(line) {
                    Ok(entry) => users.push((entry.name, start, nth + 1)),
                    Err(why) => bad.push(BadUserlistLine::new(nth + 1, first_field(line), why)),
                }
            }
            start += line.len() + 1;
        }
        // Sorted by name, then by place in the file: the first line of a name is kept.
        users.sort_unstable();
        users.dedup_by(|again, first| {
            let twice = again.0 == first.0;
            if twice {
                bad.push(BadUserlistLine::new(
                    again.2,
                    again.0,
                    BadUserlistEntry::Duplicate { first: first.2 },
                ));
            }
            twice
        });
        bad.sort_by_key(|bad| bad.line);
        let lines: Vec<usize> = users.into_iter().map(|(_, offset, _)| offset).collect();
        let mut list = Self { text, lines, decoys: Vec::new() };
        list.decoys = list.costs().decoys();
        (list, bad)
    }

    /// The user of this name.
    pub(crate) fn get(&self, name: &UserName) -> Option<UserlistEntry<'_>> {
        let name = name.as_str().as_bytes();
        let place = self.lines.binary_search_by(|offset| first_field(self.line(*offset)).cmp(name)).ok()?;
        self.entry(*self.lines.get(place)?)
    }

    /// One password of each cost in the list.
    pub(crate) fn decoys(&self) -> &[Decoy] {
        &self.decoys
    }

    /// The text that was parsed.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The number of users.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    fn costs(&self) -> PasswordCosts<'_> {
        let mut costs = PasswordCosts::default();
        for entry in self.lines.iter().filter_map(|offset| self.entry(*offset)) {
            costs.count(entry.password);
        }
        costs
    }

    fn entry(&self, offset: usize) -> Option<UserlistEntry<'_>> {
        UserlistEntry::parse(self.line(offset)).ok()
    }

    fn line(&self, offset: usize) -> &[u8] {
        let rest = self.text.get(offset..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }
}

impl<'a> UserlistEntry<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, BadUserlistEntry> {
        if line.len() > MAX_LINE_OCTETS {
            return Err(BadUserlistEntry::TooLong);
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut fields = line.splitn(5, |octet| *octet == b':');
        let (name, password, uid) = match (fields.next(), fields.next(), fields.next()) {
            (Some(name), Some(password), Some(uid)) => (name, password, uid),
            _ => return Err(BadUserlistEntry::Fields),
        };
        UserName::try_from(name).map_err(BadUserlistEntry::Name)?;
        let password = StoredPassword::parse(password).map_err(BadUserlistEntry::Password)?;
        let uid = match number(uid).ok_or(BadUserlistEntry::Uid)? {
            0 => return Err(BadUserlistEntry::Root),
            uid => OwnerUid::new(uid).ok_or(BadUserlistEntry::Uid)?,
        };
        let gid = match fields.next() {
            None | Some([]) => None,
            Some(gid) => Some(number(gid).filter(|gid| *gid != u32::MAX).ok_or(BadUserlistEntry::Gid)?),
        };
        let home = match fields.next() {
            None | Some([]) => None,
            Some(home) => Some(absolute(home).ok_or(BadUserlistEntry::Home)?),
        };
        Ok(Self { name, password, uid, gid, home })
    }
}

impl BadUserlistLine {
    fn new(line: usize, user: &[u8], why: BadUserlistEntry) -> Self {
        // Shown only if it is surely a name: a malformed line may begin with the password.
        let user = UserName::try_from(user).ok().filter(|_| why.has_name()).map(|user| user.to_string());
        Self { line, user, why }
    }
}

impl fmt::Debug for IndexedUserlist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexedUserlist({} users)", self.len())
    }
}

fn is_comment(line: &[u8]) -> bool {
    matches!(line.trim_ascii_start(), [] | [b'#', ..])
}

fn first_field(line: &[u8]) -> &[u8] {
    line.split(|octet| *octet == b':').next().unwrap_or_default()
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadUserlistEntry {
    Fields,
    TooLong,
    Name(BadUserName),
    Password(BadPassword),
    Root,
    Uid,
    Gid,
    Home,
    Duplicate { first: usize },
}

impl BadUserlistEntry {
    /// Whether the line was valid as far as the name.
    fn has_name(self) -> bool {
        !matches!(self, Self::Fields | Self::TooLong | Self::Name(_))
    }
}

impl fmt::Display for BadUserlistEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields => f.write_str("a line is username:password:uid[:gid[:home]]"),
            Self::TooLong => write!(f, "the line has more than {MAX_LINE_OCTETS} octets"),
            Self::Name(why) => write!(f, "this is no user name: {why}"),
            Self::Password(why) => why.fmt(f),
            Self::Root => f.write_str("uid 0 owns no maildrop; give the uid of an ordinary user"),
            Self::Uid => {
                f.write_str("the uid is a number from 1 to 4294967294; the password before it has no colon")
            }
            Self::Gid => f.write_str("the gid is a number from 0 to 4294967294"),
            Self::Home => f.write_str("the home is an absolute path without .."),
            Self::Duplicate { first } => {
                write!(f, "the user is in the list already, in line {first}; remove one")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &[u8]) -> (IndexedUserlist, Vec<BadUserlistLine>) {
        IndexedUserlist::parse(Zeroizing::new(text.to_vec()))
    }

    fn name(name: &str) -> UserName {
        UserName::try_from(name.as_bytes()).unwrap()
    }

    #[test]
    fn users_are_found_by_name() {
        let (list, bad) =
            list(b"# users\n\nbob:{PLAIN}x:7\r\nalice@example.org:!:8:9:/h/a:b\n  # end\ncarl:{PLAIN}y:1::");
        assert_eq!(bad, []);
        assert_eq!(list.len(), 3);
        let bob = list.get(&name("bob")).unwrap();
        assert_eq!(
            (bob.password, bob.uid.get(), bob.gid, bob.home),
            (StoredPassword::Plain(b"x"), 7, None, None)
        );
        let alice = list.get(&name("alice@example.org")).unwrap();
        assert_eq!(
            (alice.password, alice.gid, alice.home),
            (StoredPassword::Locked, Some(9), Some(Path::new("/h/a:b")))
        );
        for nobody in ["Bob", "bo", "bobb", "# users", "x"] {
            assert_eq!(list.get(&name(nobody)), None);
        }
    }

    #[test]
    fn a_bad_line_is_left_out_and_told() {
        let long = format!("z:{{PLAIN}}{}:1\n", "x".repeat(MAX_LINE_OCTETS));
        let text = [
            "secret\n",
            "a:{PLAIN}x\n",
            "../b:{PLAIN}x:1\n",
            ":{PLAIN}x:1\n",
            "c:secret:1\n",
            "d::1\n",
            "e:{PLAIN}x:0\n",
            "f:{PLAIN}x:-1\n",
            "g:{PLAIN}x:+1\n",
            "h:{PLAIN}x:4294967295\n",
            "i:{PLAIN}x:1:x\n",
            "j:{PLAIN}x:1:1:home\n",
            "k:{PLAIN}x:1:1:/a/../b\n",
            "l:{ARGON2}x:1\n",
            "m:{PLAIN}x:1\n",
            "m:{PLAIN}y:2\n",
            &long,
        ];
        let (list, bad) = list(text.concat().as_bytes());
        let told: Vec<_> = bad.iter().map(|bad| (bad.line, bad.user.as_deref(), bad.why)).collect();
        use BadUserlistEntry::*;
        assert_eq!(
            told,
            [
                (1, None, Fields),
                (2, None, Fields),
                (3, None, Name(BadUserName::Part(config::BadPart::LeadingDot))),
                (4, None, Name(BadUserName::Part(config::BadPart::Empty))),
                (5, Some("c"), Password(BadPassword::NoCrypt)),
                (6, Some("d"), Password(BadPassword::Empty)),
                (7, Some("e"), Root),
                (8, Some("f"), Uid),
                (9, Some("g"), Uid),
                (10, Some("h"), Uid),
                (11, Some("i"), Gid),
                (12, Some("j"), Home),
                (13, Some("k"), Home),
                (14, Some("l"), Password(BadPassword::Argon2)),
                (16, Some("m"), Duplicate { first: 15 }),
                (17, None, TooLong),
            ]
        );
        assert_eq!(list.len(), 1);
        assert_eq!(list.get(&name("m")).unwrap().uid.get(), 1, "the first of two entries must count");
    }

    proptest! {
        /// No input panics, and every line is a user, an error or a comment.
        #[test]
        fn any_octets_are_a_list(text in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..400),
            "([a-c.:#{}$!0-9/\\r\\x00 é]{0,12}(:[{}PLAINx$1!]{0,8}){0,2}(:[0-9/.x]{0,3}){0,3}\\n){0,8}"
                .prop_map(String::into_bytes),
            "([ab]:\\{PLAIN\\}x:[0-9](:[0-9]?(:/h)?)?\\n){0,8}".prop_map(String::into_bytes),
        ]) {
            let lines = text.split(|octet| *octet == b'\n').filter(|line| !is_comment(line)).count();
            let (list, bad) = list(&text);
            prop_assert_eq!(list.len() + bad.len(), lines);
            for line in text.split(|octet| *octet == b'\n') {
                if let Ok(user) = UserName::try_from(first_field(line)) {
                    let known_bad = bad.iter().any(|bad| bad.user.is_none() || bad.user.as_deref() == Some(user.as_str()));
                    let found = list.get(&user);
                    prop_assert!(found.is_some() || known_bad || is_comment(line));
                    prop_assert!(found.is_none_or(|found| found.name == user.as_str().as_bytes()));
                }
            }
        }
    }
}
