//! Auth ↔ `mpopd-directory`: questions about users and tokens.

use serde::{Deserialize, Serialize};

use super::bounds::{MOST_DOMAIN, MOST_STORED, MOST_WHY, absolute, within};
use crate::SecretOctets;
use crate::login::{MOST_PASSWORD, MOST_USER};
use crate::open::PathOctets;
use crate::wire::ChannelMessage;

/// The number of a request; its answer has the same.
///
/// An auth process starts with a random number: a predecessor on the same channel, killed at its deadline,
/// may have requests under way whose answers are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RequestId(u64);

impl RequestId {
    /// The first number of a process, from the kernel's random numbers.
    ///
    /// # Errors
    ///
    /// The kernel gives none (getrandom(2)).
    pub fn first() -> std::io::Result<Self> {
        getrandom::u64().map(Self).map_err(std::io::Error::other)
    }

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// A question of an auth process.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryRequest {
    /// The number that the answer repeats.
    pub id: RequestId,
    /// The question itself.
    pub query: DirectoryQuery,
}

/// What an auth process asks.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DirectoryQuery {
    /// What is stored for this user? Answered with [`LookupOutcome::Found`], [`LookupOutcome::NotFound`] or
    /// [`LookupOutcome::Temporary`].
    Lookup(LookupName),
    /// The same, and is this the password? The program binds to the LDAP server with it. Also answered with
    /// [`LookupOutcome::Refused`].
    Verify {
        /// The user.
        name: LookupName,
        /// The password as the client sent it.
        password: SecretOctets,
    },
    /// Whom does this OAuth 2.0 access token stand for (RFC 6749 section 1.4)? Answered with
    /// [`LookupOutcome::Granted`], [`LookupOutcome::Refused`] or [`LookupOutcome::Temporary`].
    Token(SecretOctets),
}

/// The user that a lookup is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupName {
    /// The whole name as auth has checked it: `%u`.
    pub user: String,
    /// Its local part: `%n`.
    pub local_part: String,
    /// The domain after the `@`, or the host name that the client connected to: `%d`.
    pub domain: Option<String>,
}

/// The answer to a [`DirectoryRequest`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryAnswer {
    /// The number of the request.
    pub id: RequestId,
    /// The result.
    pub verdict: LookupOutcome,
}

/// The result of a [`DirectoryQuery`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LookupOutcome {
    /// The user exists. If the query had a password, it is right.
    Found(UserRecord),
    /// There is no such user.
    NotFound,
    /// The password is wrong, or the token is not valid for this server, or not any more.
    Refused,
    /// The token is valid and stands for the user of this name. Only the length of the name has been checked.
    Granted(String),
    /// The source cannot answer now. The text says why, for the log: one line without any secret.
    Temporary(String),
}

/// What a source knows of a user.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// The name to use from here on, if it differs from the one in the query.
    pub user: Option<String>,
    /// The stored password in the form of a user list; `None` if the source does not show it.
    pub password: Option<SecretOctets>,
    /// The owner of the user's mail. Auth refuses 0.
    pub uid: u32,
    /// The group of the process that opens the mail.
    pub gid: Option<u32>,
    /// The home directory: an absolute path.
    pub home: Option<PathOctets>,
    /// The maildrop, if the source knows it.
    pub mail: Option<MailPath>,
}

/// The absolute path of a maildrop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MailPath {
    /// An mbox file.
    Mbox(PathOctets),
    /// A Maildir.
    Maildir(PathOctets),
}

impl ChannelMessage for DirectoryRequest {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        match &self.query {
            DirectoryQuery::Lookup(name) => name.check(),
            DirectoryQuery::Verify { name, password } => {
                within(password.expose(), MOST_PASSWORD, "the password is too long")?;
                name.check()
            }
            DirectoryQuery::Token(token) => within(token.expose(), MOST_PASSWORD, "the token is too long"),
        }
    }
}

impl LookupName {
    fn check(&self) -> Result<(), &'static str> {
        within(self.user.as_bytes(), MOST_USER, "the user name is too long")?;
        within(self.local_part.as_bytes(), MOST_USER, "the local part is too long")?;
        within(self.domain.as_deref().unwrap_or("").as_bytes(), MOST_DOMAIN, "the domain is too long")
    }
}

impl ChannelMessage for DirectoryAnswer {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        match &self.verdict {
            LookupOutcome::Found(record) => record.check(),
            LookupOutcome::Granted(user) => within(user.as_bytes(), MOST_USER, "the user name is too long"),
            LookupOutcome::Temporary(why) => within(why.as_bytes(), MOST_WHY, "the reason is too long"),
            LookupOutcome::NotFound | LookupOutcome::Refused => Ok(()),
        }
    }
}

impl UserRecord {
    /// Checks the bounds that the record must keep as part of an answer.
    ///
    /// # Errors
    ///
    /// What is out of bounds.
    pub fn check(&self) -> Result<(), &'static str> {
        within(self.user.as_deref().unwrap_or("").as_bytes(), MOST_USER, "the user name is too long")?;
        let password = self.password.as_ref().map_or(&b""[..], SecretOctets::expose);
        within(password, MOST_STORED, "the stored password is too long")?;
        if let Some(home) = &self.home {
            absolute(home, "the home is no absolute path")?;
        }
        match &self.mail {
            Some(MailPath::Mbox(path)) => absolute(path, "the mbox is no absolute path"),
            Some(MailPath::Maildir(path)) => absolute(path, "the Maildir is no absolute path"),
            None => Ok(()),
        }
    }
}
