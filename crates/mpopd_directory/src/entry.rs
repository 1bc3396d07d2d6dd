//! What a source says of a user, from the texts of columns or attributes.

use std::path::Path;

use ipc::SecretOctets;
use ipc::directory::{MailPath, UserRecord};
use zeroize::Zeroizing;

/// The texts of one user. Empty ones say nothing.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Zeroizing<String>>,
    pub(crate) uid: Option<String>,
    pub(crate) gid: Option<String>,
    pub(crate) home: Option<String>,
    pub(crate) mbox: Option<String>,
    pub(crate) maildir: Option<String>,
}

impl Fields {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong with them, without any password.
    pub(crate) fn into_entry(self) -> Result<UserRecord, String> {
        let path = |what: &str, text: Option<String>| match filled(text) {
            Some(path) if path.starts_with('/') => Ok(Some(Path::new(&path).into())),
            Some(_) => Err(format!("the {what} is no absolute path")),
            None => Ok(None),
        };
        let uid = number("uid", self.uid)?.ok_or("there is no uid")?;
        let mail = match (path("mbox", self.mbox)?, path("maildir", self.maildir)?) {
            (None, None) => None,
            (Some(mbox), None) => Some(MailPath::Mbox(mbox)),
            (None, Some(maildir)) => Some(MailPath::Maildir(maildir)),
            (Some(_), Some(_)) => return Err("there are an mbox and a maildir; a user has one".to_owned()),
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

/// A number of digits only: `parse` alone would take a sign.
fn number(what: &str, text: Option<String>) -> Result<Option<u32>, String> {
    let Some(text) = filled(text) else { return Ok(None) };
    let digits = text.bytes().all(|octet| octet.is_ascii_digit());
    match text.parse() {
        // 4294967295 means "leave it as it is" to setresuid(2).
        Ok(number) if digits && number != u32::MAX => Ok(Some(number)),
        _ => Err(format!("the {what} is no number from 0 to 4294967294")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(uid: &str) -> Fields {
        Fields { uid: Some(uid.to_owned()), ..Fields::default() }
    }

    #[test]
    fn a_uid_is_enough_and_empty_texts_say_nothing() {
        let empty = || Some(String::new());
        let entry = Fields { user: empty(), gid: empty(), home: empty(), mbox: empty(), ..fields("5000") };
        let bare = UserRecord { user: None, password: None, uid: 5000, gid: None, home: None, mail: None };
        assert_eq!(entry.into_entry(), Ok(bare));
    }

    #[test]
    fn what_cannot_be_used_is_told() {
        let relative = || Some("srv/a".to_owned());
        let absolute = || Some("/srv/a".to_owned());
        for (fields, told) in [
            (Fields::default(), "there is no uid"),
            (fields("-1"), "the uid is no number from 0 to 4294967294"),
            (fields("+1"), "the uid is no number from 0 to 4294967294"),
            (fields("4294967295"), "the uid is no number from 0 to 4294967294"),
            (Fields { gid: relative(), ..fields("1") }, "the gid is no number from 0 to 4294967294"),
            (Fields { home: relative(), ..fields("1") }, "the home is no absolute path"),
            (Fields { maildir: relative(), ..fields("1") }, "the maildir is no absolute path"),
            (
                Fields { mbox: absolute(), maildir: absolute(), ..fields("1") },
                "there are an mbox and a maildir; a user has one",
            ),
        ] {
            assert_eq!(fields.into_entry(), Err(told.to_owned()));
        }
    }
}
