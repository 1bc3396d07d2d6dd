//! What a plugin that accepts a login prints about the account: `uid=`, `gid=`, `home=`, `mbox=` and
//! `maildir=` lines.

use std::fmt;
use std::path::PathBuf;

use super::fields::{absolute, number};
use crate::userdb::OwnerUid;

/// Makes plain checkpassword programs, which do not know these lines, print them. Having accepted a login,
/// such a program becomes the user and runs the program in its arguments. This is that program; it prints the
/// identity that it runs as.
pub(super) const REPORTER: [&str; 3] = [
    "/bin/sh",
    "-c",
    "PATH=/usr/bin:/bin; printf 'uid=%s\\ngid=%s\\nhome=%s\\n' \"$(id -u)\" \"$(id -g)\" \"$HOME\"",
];

/// The account as far as the plugin described it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PluginAccount {
    pub(super) uid: Option<OwnerUid>,
    pub(super) gid: Option<u32>,
    pub(super) home: Option<PathBuf>,
    pub(super) mbox: Option<PathBuf>,
    pub(super) maildir: Option<PathBuf>,
}

impl PluginAccount {
    /// Parses what the plugin printed. A line without a value is ignored.
    ///
    /// # Errors
    ///
    /// There is another line, one kind of line occurs twice, or a value is invalid.
    pub(super) fn parse(output: &[u8]) -> Result<Self, BadPluginOutput> {
        let mut answer = Self::default();
        for line in output.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end) {
            let mut halves = line.splitn(2, |octet| *octet == b'=');
            let (key, value) = match (halves.next(), halves.next()) {
                (Some([]) | None, None) | (Some(_), Some([])) => continue,
                (Some(key), Some(value)) => (key, value),
                _ => return Err(BadPluginOutput::Line),
            };
            let path = || absolute(value).map(PathBuf::from).ok_or(BadPluginOutput::Path);
            let twice = match key {
                b"uid" => answer
                    .uid
                    .replace(number(value).and_then(OwnerUid::new).ok_or(BadPluginOutput::Uid)?)
                    .is_some(),
                b"gid" => {
                    let gid = number(value).filter(|gid| *gid != u32::MAX).ok_or(BadPluginOutput::Gid)?;
                    answer.gid.replace(gid).is_some()
                }
                b"home" => answer.home.replace(path()?).is_some(),
                b"mbox" => answer.mbox.replace(path()?).is_some(),
                b"maildir" => answer.maildir.replace(path()?).is_some(),
                _ => return Err(BadPluginOutput::Line),
            };
            if twice {
                return Err(BadPluginOutput::Twice);
            }
        }
        if answer.mbox.is_some() && answer.maildir.is_some() {
            return Err(BadPluginOutput::TwoMaildrops);
        }
        Ok(answer)
    }

    /// Adds what this account lacks from an earlier one.
    pub(super) fn or(self, earlier: Self) -> Self {
        let own_maildrop = self.mbox.is_some() || self.maildir.is_some();
        let earlier_maildrop = |path: Option<PathBuf>| path.filter(|_| !own_maildrop);
        Self {
            uid: self.uid.or(earlier.uid),
            gid: self.gid.or(earlier.gid),
            home: self.home.or(earlier.home),
            mbox: self.mbox.or(earlier_maildrop(earlier.mbox)),
            maildir: self.maildir.or(earlier_maildrop(earlier.maildir)),
        }
    }
}

/// What is wrong with a plugin's lines. The message does not repeat them: a broken plugin may print a
/// password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadPluginOutput {
    Line,
    Twice,
    Uid,
    Gid,
    Path,
    TwoMaildrops,
}

impl fmt::Display for BadPluginOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "it printed a line that is none of uid=, gid=, home=, mbox= and maildir=",
            Self::Twice => "it printed a line of one kind twice",
            Self::Uid => "its uid is not a number from 1 to 4294967294; root owns no maildrop",
            Self::Gid => "its gid is not a number from 0 to 4294967294",
            Self::Path => "one of its paths is not an absolute path without ..",
            Self::TwoMaildrops => "it printed mbox= and maildir=; a user has one maildrop",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_line_says_one_thing() {
        let answer = PluginAccount::parse(b"uid=1000\ngid=0\r\nhome=/home/a=b\n\nmaildir=/m\n").unwrap();
        assert_eq!(
            answer,
            PluginAccount {
                uid: OwnerUid::new(1000),
                gid: Some(0),
                home: Some("/home/a=b".into()),
                mbox: None,
                maildir: Some("/m".into()),
            }
        );
        assert_eq!(PluginAccount::parse(b"").unwrap(), PluginAccount::default());
        assert_eq!(PluginAccount::parse(b"home=\nuid=").unwrap(), PluginAccount::default());
    }

    #[test]
    fn what_is_wrong_is_refused() {
        use BadPluginOutput::*;
        for (output, why) in [
            (&b"hello"[..], Line),
            (b"shell=/bin/sh", Line),
            (b"UID=1", Line),
            (b"uid=0", Uid),
            (b"uid=4294967295", Uid),
            (b"uid=-1", Uid),
            (b"uid= 1", Uid),
            (b"uid=1\nuid=1", Twice),
            (b"gid=x", Gid),
            (b"home=home", Path),
            (b"mbox=/a/../b", Path),
            (b"mbox=/a\0b", Path),
            (b"mbox=/a\nmaildir=/b", TwoMaildrops),
        ] {
            assert_eq!(PluginAccount::parse(output), Err(why), "{}", String::from_utf8_lossy(output));
        }
    }

    #[test]
    fn the_later_answer_wins_and_a_user_keeps_one_maildrop() {
        let answer = |text: &[u8]| PluginAccount::parse(text).unwrap();
        let both = answer(b"uid=2\nmbox=/b").or(answer(b"uid=1\ngid=1\nmaildir=/a"));
        assert_eq!(both, answer(b"uid=2\ngid=1\nmbox=/b"));
    }

    proptest! {
        #[test]
        fn any_octets_are_an_answer_or_not(output in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = PluginAccount::parse(&output);
        }
    }
}
