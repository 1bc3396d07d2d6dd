//! SASL: the server's side of the mechanisms of AUTH (RFC 4422, RFC 5034).
//!
//! [`Exchange::begin`] takes what came with AUTH, [`Exchange::answer`] each response after it. Both say by [`Progress`] how it goes
//! on. An exchange is a plain value of at most some kilobytes: whoever began it keeps it, and drops it to cancel it.
//!
//! | mechanism | file | who decides |
//! |---|---|---|
//! | PLAIN, LOGIN | `password.rs` | [`Authenticator::login`], like PASS |
//! | SCRAM-SHA-256, SCRAM-SHA-256-PLUS | `scram/` | what is stored of the password, which never comes here |
//! | EXTERNAL | `external.rs` | whoever checked the client's certificate |
//! | OAUTHBEARER, XOAUTH2 | `bearer.rs` | a [`TokenCheck`] |
//!
//! A client may say as whom it wants to act. That is refused unless it is the user themselves.
//!
//! The mechanisms are written here and not taken from the crate `rsasl` (2.3): its SCRAM server answers unknown users with
//! another salt each time and says so in the end, takes `-PLUS` without channel binding, and neither decodes nor prepares user names;
//! its LOGIN drops an initial response; and its callbacks own what they need, while here one [`Authenticator`] serves all.

mod bearer;
mod external;
mod password;
mod scram;
mod setup;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use vocabulary::SaslMechanism;

use crate::authenticator::{Account, Authenticator};
use crate::refusal::Refusal;

pub use bearer::{BadToken, TokenCheck};
pub(crate) use setup::Setup;

/// The longest response, in octets: what a line of 12288 octets can carry in base64.
pub const MOST_RESPONSE: usize = 9216;
/// The most octets that are kept of a name that a client claims.
const MOST_CLAIMED: usize = 255;

/// What an exchange needs to know of the connection.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's address.
    pub peer: IpAddr,
    /// The channel binding `tls-exporter` of the connection (RFC 9266), if SCRAM-SHA-256-PLUS is offered on it.
    pub channel_binding: Option<Box<[u8]>>,
    /// The user whom the client's certificate names, if it has one that was verified, and EXTERNAL is offered.
    pub certificate: Option<Box<[u8]>>,
}

/// How an exchange goes on.
#[derive(Debug)]
pub enum Progress {
    /// Send this challenge, which may be of no octets, and give the response to [`Exchange::answer`].
    Challenge(Vec<u8>, Exchange),
    /// This user is who they say. Nothing more is sent but the answer to the login.
    Done(Account),
    /// Nobody is let in.
    Refused(Refused),
}

/// An exchange that let nobody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name that the client claimed as far as it is known, for the log: any octets, at most 255.
    pub user: Vec<u8>,
    /// Why.
    pub why: Refusal,
}

/// An exchange that waits for the client's next response.
pub struct Exchange {
    client: Client,
    at: At,
}

/// What the next response is.
enum At {
    Plain,
    LoginUser,
    LoginPassword(Vec<u8>),
    External,
    Bearer(bearer::Dialect),
    /// The client was told why its token is no good.
    BearerRefused(Refused),
    ScramFirst {
        plus: bool,
    },
    ScramFinal(Box<scram::Final>),
    /// The client was told that the server knows the password too.
    ScramDone(Box<Account>),
}

impl Exchange {
    /// Begins an exchange. `initial` is the initial response, which may be of no octets; none where AUTH had none.
    pub fn begin(
        mechanism: SaslMechanism,
        initial: Option<&[u8]>,
        client: Client,
        auth: &mut Authenticator,
    ) -> Progress {
        // Whoever asks has offered it; this is the second lock on the door.
        if !auth.serves(mechanism) {
            let why = Refusal::Temporary(format!(
                "{mechanism} is not among sasl_mechanisms, or lacks what it needs"
            ));
            return Refused::unnamed(why).into();
        }
        let (at, challenge): (At, &[u8]) = match mechanism {
            SaslMechanism::Plain => (At::Plain, b""),
            // Clients are told to ignore what the questions are; some know them by heart all the same.
            SaslMechanism::Login => (At::LoginUser, b"Username:"),
            SaslMechanism::External => (At::External, b""),
            SaslMechanism::OauthBearer => (At::Bearer(bearer::Dialect::OauthBearer), b""),
            SaslMechanism::Xoauth2 => (At::Bearer(bearer::Dialect::Xoauth2), b""),
            SaslMechanism::ScramSha256 => (At::ScramFirst { plus: false }, b""),
            SaslMechanism::ScramSha256Plus => (At::ScramFirst { plus: true }, b""),
        };
        let exchange = Self { client, at };
        match initial {
            Some(response) => exchange.answer(response, auth),
            None => Progress::Challenge(challenge.to_vec(), exchange),
        }
    }

    /// Takes the response to the last challenge.
    pub fn answer(self, response: &[u8], auth: &mut Authenticator) -> Progress {
        let Self { client, at } = self;
        if response.len() > MOST_RESPONSE {
            return Refused::unnamed(Refusal::UnknownUser).into();
        }
        match at {
            At::Plain => password::plain(response, &client, auth).into(),
            At::LoginUser => {
                let exchange = Self { client, at: At::LoginPassword(claimed(response)) };
                Progress::Challenge(b"Password:".to_vec(), exchange)
            }
            At::LoginPassword(user) => password::login(&user, response, &client, auth).into(),
            At::External => external::answer(response, &client, auth).into(),
            At::Bearer(dialect) => match bearer::answer(dialect, response, &client, auth) {
                bearer::Verdict::Done(account) => Progress::Done(account),
                bearer::Verdict::Refused(refused) => refused.into(),
                bearer::Verdict::Explained(why, refused) => {
                    Progress::Challenge(why, Self { client, at: At::BearerRefused(refused) })
                }
            },
            At::BearerRefused(refused) => refused.into(),
            At::ScramFirst { plus } => match scram::first(response, plus, &client, auth) {
                Ok((challenge, next)) => {
                    Progress::Challenge(challenge, Self { client, at: At::ScramFinal(Box::new(next)) })
                }
                Err(refused) => refused.into(),
            },
            At::ScramFinal(last) => match last.finish(response, auth) {
                Ok((challenge, account)) => {
                    Progress::Challenge(challenge, Self { client, at: At::ScramDone(Box::new(account)) })
                }
                Err(refused) => refused.into(),
            },
            At::ScramDone(account) if response.is_empty() => Progress::Done(*account),
            At::ScramDone(account) => {
                Refused::new(account.user.as_str().as_bytes(), Refusal::Password).into()
            }
        }
    }
}

impl Refused {
    fn new(user: &[u8], why: Refusal) -> Self {
        Self { user: claimed(user), why }
    }

    /// What came names nobody.
    fn unnamed(why: Refusal) -> Self {
        Self::new(b"", why)
    }
}

impl From<Refused> for Progress {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Result<Account, Refused>> for Progress {
    fn from(result: Result<Account, Refused>) -> Self {
        result.map_or_else(Self::Refused, Self::Done)
    }
}

/// Shows nothing of what the client sent.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

/// A claimed name, bounded: one octet longer than any name is enough to know that it is none.
fn claimed(name: &[u8]) -> Vec<u8> {
    name.get(..MOST_CLAIMED).unwrap_or(name).to_vec()
}
