//! A user as a source describes it: from the texts of columns or attributes.

use std::fmt;
use std::path::Path;

use ipc::SecretOctets;
use ipc::directory::{MailPath, UserRecord};
use zeroize::Zeroizing;

/// The texts of one user. An empty text counts as missing.
#[derive(Default)]
pub(crate) struct RecordFields {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) uid: Option<String>,
    pub(crate) gid: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) mbox: Option<String>,
    pub(crate) maildir: Option<String>,
}

/// Why the texts do not describe a user. The data of the source are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadRecord {
    /// There is no uid.
    NoUid,
    /// This field is not a uid or gid.
    Number(&'static str),
    /// This field is not an absolute path.
    Path(&'static str),
    /// There are an mbox and a Maildir.
    TwoMaildrops,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUid => f.write_str("there is no uid"),
            Self::Number(field) => write!(f, "the {field} is no number from 0 to 4294967294"),
            Self::Path(field) => write!(f, "the {field} is no absolute path"),
            Self::TwoMaildrops => f.write_str("there are an mbox and a maildir; a user has one"),
        }
    }
}

impl RecordFields {
    /// Parses the texts.
    ///
    /// # Errors
    ///
    /// What is wrong with them. The error contains no password.
    pub(crate) fn into_record(self) -> Result<UserRecord, BadRecord> {
        let path = |field, text: Option<String>| match filled(text) {
            Some(path) if path.starts_with('/') => Ok(Some(Path::new(&path).into())),
            Some(_) => Err(BadRecord::Path(field)),
            None => Ok(None),
        };
        let uid = number("uid", self.uid)?.ok_or(BadRecord::NoUid)?;
        let mail = match (path("mbox", self.mbox)?, path("maildir", self.maildir)?) {
            (None, None) => None,
            (Some(mbox), None) => Some(MailPath::Mbox(mbox)),
            (None, Some(maildir)) => Some(MailPath::Maildir(maildir)),
            (Some(_), Some(_)) => return Err(BadRecord::TwoMaildrops),
        };
        Ok(UserRecord {
            user: filled(self.user),
            password: self
                .password
                .filter(|password| !password.is_empty())
                .map(|password| SecretOctets::new(password.as_bytes().to_vec())),
            uid,
            gid: number("gid", self.gid)?,
            home: path("home", self.home)?,
            mail,
        })
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Parses a number of digits only: `parse` alone would accept a sign.
fn number(field: &'static str, text: Option<String>) -> Result<Option<u32>, BadRecord> {
    let Some(text) = filled(text) else { return Ok(None) };
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    match text.parse() {
        // setresuid(2) takes 4294967295 for "leave it as it is".
        Ok(number) if digits && number != u32::MAX => Ok(Some(number)),
        _ => Err(BadRecord::Number(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(uid: &str) -> RecordFields {
        RecordFields { uid: Some(uid.to_owned()), ..RecordFields::default() }
    }

    #[test]
    fn a_uid_is_enough_and_empty_texts_say_nothing() {
        let empty = || Some(String::new());
        let record =
            RecordFields { user: empty(), gid: empty(), home: empty(), mbox: empty(), ..fields("5000") };
        let bare = UserRecord { user: None, password: None, uid: 5000, gid: None, home: None, mail: None };
        assert_eq!(record.into_record(), Ok(bare));
    }

    #[test]
    fn what_cannot_be_used_is_reported() {
        let relative = || Some("srv/a".to_owned());
        let absolute = || Some("/srv/a".to_owned());
        for (fields, reported) in [
            (RecordFields::default(), "there is no uid"),
            (fields("-1"), "the uid is no number from 0 to 4294967294"),
            (fields("+1"), "the uid is no number from 0 to 4294967294"),
            (fields("4294967295"), "the uid is no number from 0 to 4294967294"),
            (RecordFields { gid: relative(), ..fields("1") }, "the gid is no number from 0 to 4294967294"),
            (RecordFields { home: relative(), ..fields("1") }, "the home is no absolute path"),
            (RecordFields { maildir: relative(), ..fields("1") }, "the maildir is no absolute path"),
            (
                RecordFields { mbox: absolute(), maildir: absolute(), ..fields("1") },
                "there are an mbox and a maildir; a user has one",
            ),
        ] {
            assert_eq!(fields.into_record().unwrap_err().to_string(), reported);
        }
    }
}
