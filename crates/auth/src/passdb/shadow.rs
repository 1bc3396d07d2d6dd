//! The passwords of system users, shadow(5).

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use config::Fault;
use zeroize::Zeroizing;

use super::read_file::read_file;
use crate::decoy::Decoy;
use crate::file_version::FileVersion;
use crate::name::UserName;
use crate::password::StoredPassword;
use crate::password_costs::PasswordCosts;

/// The largest file, in octets: some hundred thousand users.
const MAX_OCTETS: u64 = 1 << 26;

/// A shadow file, read again after it has changed.
pub(crate) struct ShadowFile {
    path: PathBuf,
    read: Option<ReadShadow>,
}

struct ReadShadow {
    text: Zeroizing<Vec<u8>>,
    /// Counted when the file is read, because that takes too long for a login.
    decoys: Vec<Decoy>,
    stamp: FileVersion,
    settled: bool,
}

/// The fields of a user's line that matter for a login. Days count from 1970-01-01.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShadowEntry<'a> {
    pub(crate) password: &'a [u8],
    /// The day of the password's last change (field 3), and how many days the password is valid (field 5).
    changed: Option<i64>,
    most_days: Option<i64>,
    /// The day on which the account expires (field 8).
    expires: Option<i64>,
}

impl ShadowFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The lines of the file as it is now.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub(crate) fn current(&mut self) -> Result<&[u8], Fault> {
        let cannot_read =
            |error: io::Error| Fault::of_file(&self.path, format!("cannot read the passwords: {error}"));
        let now = FileVersion::of(&fs::metadata(&self.path).map_err(cannot_read)?);
        let reading = match self.read.take() {
            Some(reading) if reading.settled && reading.stamp == now => reading,
            _ => {
                let began = SystemTime::now();
                let (text, metadata) = read_file(&self.path, MAX_OCTETS).map_err(cannot_read)?;
                let stamp = FileVersion::of(&metadata);
                ReadShadow { decoys: costs(&text).decoys(), text, stamp, settled: stamp.is_settled(began) }
            }
        };
        Ok(&self.read.insert(reading).text)
    }

    /// The cost of checking a user's password; empty if the file has none.
    pub(crate) fn cost(&mut self, user: &UserName) -> &[u8] {
        let password = self.current().ok().and_then(|lines| entry(lines, user)).map(|entry| entry.password);
        match password.map(StoredPassword::parse_crypt) {
            Some(Ok(stored @ StoredPassword::Crypt(_))) => stored.cost(),
            _ => b"",
        }
    }

    /// One password of each cost in the file.
    pub(crate) fn decoys(&mut self) -> Vec<Decoy> {
        match self.current() {
            Ok(_) => self.read.as_ref().map_or_else(Vec::new, |reading| reading.decoys.clone()),
            Err(_) => Vec::new(),
        }
    }
}

/// Checks that the file can be read.
///
/// # Errors
///
/// It cannot be read.
pub(crate) fn check(path: &Path) -> Result<(), Fault> {
    ShadowFile::new(path.to_owned()).current().map(drop)
}

/// The line of a user.
pub(crate) fn entry<'a>(lines: &'a [u8], user: &UserName) -> Option<ShadowEntry<'a>> {
    // Always reads to the end: the time must not depend on where the user's line is.
    let of_user = |line: &&[u8]| line.split(|octet| *octet == b':').next() == Some(user.as_str().as_bytes());
    let found =
        lines.split(|octet| *octet == b'\n').filter(of_user).fold(None, |first, line| first.or(Some(line)));
    ShadowEntry::parse(found?)
}

/// How often each cost occurs among the passwords in the file.
fn costs(lines: &[u8]) -> PasswordCosts<'_> {
    let mut costs = PasswordCosts::default();
    for entry in lines.split(|octet| *octet == b'\n').filter_map(ShadowEntry::parse) {
        if let Ok(password) = StoredPassword::parse_crypt(entry.password) {
            costs.count(password);
        }
    }
    costs
}

impl<'a> ShadowEntry<'a> {
    fn parse(line: &'a [u8]) -> Option<Self> {
        let mut fields = line.split(|octet| *octet == b':').skip(1);
        let password = fields.next()?;
        let mut day = || str::from_utf8(fields.next()?).ok()?.parse().ok().filter(|day| *day >= 0);
        let (changed, _, most_days, _, _, expires) = (day(), day(), day(), day(), day(), day());
        Some(Self { password, changed, most_days, expires })
    }

    /// Whether the account or its password has expired by this day: shadow(5). A mail client cannot change a
    /// password, and one that must be changed no longer proves anything.
    pub(crate) fn is_expired(&self, today: i64) -> bool {
        let account_ended = self.expires.is_some_and(|end| today >= end);
        let password_ended = match (self.changed, self.most_days) {
            // Set by passwd -e: the password must be changed at the next login.
            (Some(0), _) => true,
            (Some(changed), Some(most)) => today > changed.saturating_add(most),
            _ => false,
        };
        account_ended || password_ended
    }
}

/// Today, in days since 1970-01-01.
pub(crate) fn today() -> i64 {
    const DAY: u64 = 86_400;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs() / DAY).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINES: &[u8] =
        b"root:*:19000:0:99999:7:::\nal:$1$s$h:19000:0:100:7:30:20000:\nalice:$6$s$h:19000::::::\n";

    fn find(lines: &[u8], name: &str) -> Option<ShadowEntry<'static>> {
        let name = UserName::try_from(name.as_bytes()).unwrap();
        entry(lines.to_vec().leak(), &name)
    }

    #[test]
    fn a_line_is_found_by_its_whole_name() {
        assert_eq!(find(LINES, "alice").unwrap().password, b"$6$s$h");
        assert_eq!(find(LINES, "al").unwrap().password, b"$1$s$h");
        assert_eq!(find(LINES, "a"), None);
        assert_eq!(find(LINES, "alice:$6$s$h"), None);
        assert_eq!(find(b"alice\n", "alice"), None);
    }

    #[test]
    fn the_end_of_an_account_is_a_day_of_its_own() {
        let entry = find(LINES, "al").unwrap();
        assert!(!entry.is_expired(19_100), "it is still valid on its last day");
        assert!(entry.is_expired(19_101), "the password is too old");
        let expires = |line: &[u8], today| ShadowEntry::parse(line).unwrap().is_expired(today);
        assert!(!expires(b"a:x:::::: 20000:", 30_000), "no number");
        assert!(!expires(b"a:x::::::20000:", 19_999));
        assert!(expires(b"a:x::::::20000:", 20_000));
        assert!(expires(b"a:x::::::0:", 20_000), "1 January 1970 is past");
        assert!(
            !expires(b"a:x::::::-1:", 20_000) && !expires(b"a:x:::::::", 20_000) && !expires(b"a:x", 20_000)
        );
        assert!(expires(b"a:x:0:0:99999:7:::", 20_000), "to be changed at the next login");
    }

    #[test]
    fn today_is_a_day_of_this_century() {
        assert!((20_000..60_000).contains(&today()), "{}", today());
    }

    proptest! {
        #[test]
        fn any_octets_are_lines(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(entry) = ShadowEntry::parse(&text) {
                entry.is_expired(20_000);
            }
            costs(&text);
        }
    }
}
