//! Auth → maildrop: the order to open a maildrop. Only auth has the sending end.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vocabulary::Storage;

use crate::Ticket;
use crate::login::{self, SessionContext};
use crate::user_log::Detail;
use crate::wire::ChannelMessage;

/// The longest path, in octets (`PATH_MAX` with its NUL).
const MOST_PATH: usize = 4095;

/// The order to open a maildrop for a login.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// The login, and what the session role knows about the session.
    pub context: SessionContext,
    /// The ticket for the opened maildrop.
    pub ticket: Ticket,
    /// The user name as auth decided it.
    pub user: String,
    /// How it is stored.
    pub storage: Storage,
    /// Its absolute path.
    pub path: PathOctets,
    /// What the user's own log records, if there is one. The descriptor of this message is its file.
    pub user_log: Option<Detail>,
}

/// A path as octets. serde cannot encode a path that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathOctets(#[serde(with = "serde_bytes")] Vec<u8>);

impl From<&Path> for PathOctets {
    fn from(path: &Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self(path.as_os_str().as_bytes().to_vec())
    }
}

impl From<PathOctets> for std::path::PathBuf {
    fn from(path: PathOctets) -> Self {
        use std::os::unix::ffi::OsStringExt;
        OsString::from_vec(path.0).into()
    }
}

impl ChannelMessage for OpenRequest {
    fn check(&self) -> Result<(), &'static str> {
        if self.user.len() > login::MOST_USER {
            return Err("the user name is too long");
        }
        if self.path.0.len() > MOST_PATH || self.path.0.contains(&0) {
            return Err("the path is invalid");
        }
        if self.path.0.first() != Some(&b'/') {
            return Err("the path is not absolute");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoginId;
    use crate::wire::{encode, tests::round_trip};

    fn open(path: &[u8]) -> OpenRequest {
        use std::os::unix::ffi::OsStrExt;
        OpenRequest {
            context: SessionContext { id: LoginId { generation: 1, number: 2 }, session: 3, utf8: true },
            ticket: Ticket::issue().unwrap(),
            user: "alice".into(),
            storage: Storage::Maildir,
            path: Path::new(std::ffi::OsStr::from_bytes(path)).into(),
            user_log: Some(Detail::Sessions),
        }
    }

    #[test]
    fn an_order_survives_with_any_path() {
        round_trip(&open(b"/var/mail/alice"));
        round_trip(&open(b"/var/mail/\xff\xfe"));
    }

    #[test]
    fn a_path_that_is_none_is_refused() {
        for path in [&b""[..], b"relative", b"/nul\0", &[b'/'; MOST_PATH + 1]] {
            assert!(encode(&open(path)).is_err(), "{path:?}");
        }
    }
}
