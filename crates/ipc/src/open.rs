//! Auth → maildrop: open this one. Only auth holds the sending end.

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vocabulary::Storage;

use crate::Ticket;
use crate::login::{self, SessionContext};
use crate::user_log::Detail;
use crate::wire::Message;

/// The longest path, in octets (`PATH_MAX` with its NUL).
const MOST_PATH: usize = 4095;

/// The order to open a maildrop for a login.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The login that this serves, and what its session role said about the session.
    pub context: SessionContext,
    /// The right to the opened maildrop.
    pub ticket: Ticket,
    /// The user's name as auth settled it.
    pub user: String,
    /// How it is stored.
    pub storage: Storage,
    /// Where it lies: an absolute path.
    pub path: PathOctets,
    /// What the user's own log tells, if there is one. Its file is the descriptor beside this message.
    pub user_log: Option<Detail>,
}

/// A path as its octets: serde's own form of paths refuses what is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PathOctets(#[serde(with = "serde_bytes")] Vec<u8>);

impl From<&Path> for PathOctets {
    fn from(path: &Path) -> PathOctets {
        use std::os::unix::ffi::OsStrExt;
        PathOctets(path.as_os_str().as_bytes().to_vec())
    }
}

impl From<PathOctets> for std::path::PathBuf {
    fn from(path: PathOctets) -> std::path::PathBuf {
        use std::os::unix::ffi::OsStringExt;
        OsString::from_vec(path.0).into()
    }
}

impl Message for Open {
    fn check(&self) -> Result<(), &'static str> {
        if self.user.len() > login::MOST_USER {
            return Err("the user name is too long");
        }
        if self.path.0.len() > MOST_PATH || self.path.0.contains(&0) {
            return Err("the path is none");
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

    fn open(path: &[u8]) -> Open {
        use std::os::unix::ffi::OsStrExt;
        Open {
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
