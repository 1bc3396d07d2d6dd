//! The steps of an exchange.

use std::fmt;

use vocabulary::{LoginFailure, SaslMechanism};

use super::bearer::{self, BearerDialect, BearerOutcome};
use super::client::SaslClient;
use super::refusal::{SaslRefusal, claimed};
use super::{external, password, scram};
use crate::account::Account;
use crate::authenticator::Authenticator;
use crate::login_error::LoginError;

/// The longest response, in octets: what a line of 12288 octets can carry in base64.
pub const MOST_RESPONSE: usize = 9216;

/// What happens next in an exchange.
#[derive(Debug)]
pub enum SaslProgress {
    /// Send this challenge, which may be empty, and pass the response to [`SaslExchange::answer`].
    Challenge(Vec<u8>, SaslExchange),
    /// The user is authenticated. Only the reply to the login is still to be sent.
    Done(Account),
    /// The exchange has failed.
    Refused(SaslRefusal),
}

/// An exchange that waits for the client's next response.
pub struct SaslExchange {
    client: SaslClient,
    next: SaslStep,
}

/// What the next response is.
enum SaslStep {
    Plain,
    LoginUser,
    LoginPassword(Vec<u8>),
    External,
    Bearer(BearerDialect),
    /// The acknowledgement of the challenge that says why the token was refused.
    BearerRefused(SaslRefusal),
    ScramFirst {
        plus: bool,
    },
    ScramFinal(Box<scram::ScramState>),
    /// The empty response to the challenge that proves that the server knows the password.
    ScramDone(Box<Account>),
}

impl SaslExchange {
    /// Begins an exchange. `initial` is the initial response, which may be empty; `None` if AUTH had none.
    pub fn begin(
        mechanism: SaslMechanism,
        initial: Option<&[u8]>,
        client: SaslClient,
        auth: &mut Authenticator,
    ) -> SaslProgress {
        // The session role has checked its offer already; this check does not rely on it.
        if !auth.serves(mechanism) {
            let detail = format!("{mechanism} is not among sasl_mechanisms, or lacks what it needs");
            return SaslRefusal::unnamed(LoginError::temporary(detail)).into();
        }
        let (next, challenge): (SaslStep, &[u8]) = match mechanism {
            SaslMechanism::Plain => (SaslStep::Plain, b""),
            // Clients should ignore the text of these challenges, but some require exactly this one.
            SaslMechanism::Login => (SaslStep::LoginUser, b"Username:"),
            SaslMechanism::External => (SaslStep::External, b""),
            SaslMechanism::OauthBearer => (SaslStep::Bearer(BearerDialect::OauthBearer), b""),
            SaslMechanism::Xoauth2 => (SaslStep::Bearer(BearerDialect::Xoauth2), b""),
            SaslMechanism::ScramSha256 => (SaslStep::ScramFirst { plus: false }, b""),
            SaslMechanism::ScramSha256Plus => (SaslStep::ScramFirst { plus: true }, b""),
        };
        let exchange = Self { client, next };
        match initial {
            Some(response) => exchange.answer(response, auth),
            None => SaslProgress::Challenge(challenge.to_vec(), exchange),
        }
    }

    /// Takes the response to the last challenge.
    pub fn answer(self, response: &[u8], auth: &mut Authenticator) -> SaslProgress {
        let Self { client, next } = self;
        if response.len() > MOST_RESPONSE {
            return SaslRefusal::unnamed(LoginFailure::UnknownUser).into();
        }
        match next {
            SaslStep::Plain => password::plain(response, &client, auth).into(),
            SaslStep::LoginUser => {
                let exchange = Self { client, next: SaslStep::LoginPassword(claimed(response)) };
                SaslProgress::Challenge(b"Password:".to_vec(), exchange)
            }
            SaslStep::LoginPassword(user) => password::login(&user, response, &client, auth).into(),
            SaslStep::External => external::answer(response, &client, auth).into(),
            SaslStep::Bearer(dialect) => match bearer::answer(dialect, response, &client, auth) {
                BearerOutcome::Done(account) => SaslProgress::Done(account),
                BearerOutcome::Refused(refusal) => refusal.into(),
                BearerOutcome::Explained(why, refusal) => {
                    SaslProgress::Challenge(why, Self { client, next: SaslStep::BearerRefused(refusal) })
                }
            },
            SaslStep::BearerRefused(refusal) => refusal.into(),
            SaslStep::ScramFirst { plus } => match scram::first(response, plus, &client, auth) {
                Ok((challenge, state)) => {
                    let next = SaslStep::ScramFinal(Box::new(state));
                    SaslProgress::Challenge(challenge, Self { client, next })
                }
                Err(refusal) => refusal.into(),
            },
            SaslStep::ScramFinal(state) => match state.finish(response, auth) {
                Ok((challenge, account)) => {
                    let next = SaslStep::ScramDone(Box::new(account));
                    SaslProgress::Challenge(challenge, Self { client, next })
                }
                Err(refusal) => refusal.into(),
            },
            SaslStep::ScramDone(account) if response.is_empty() => SaslProgress::Done(*account),
            SaslStep::ScramDone(account) => {
                SaslRefusal::new(account.user.as_str().as_bytes(), LoginFailure::Password).into()
            }
        }
    }
}

impl From<SaslRefusal> for SaslProgress {
    fn from(refusal: SaslRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Result<Account, SaslRefusal>> for SaslProgress {
    fn from(result: Result<Account, SaslRefusal>) -> Self {
        result.map_or_else(Self::Refused, Self::Done)
    }
}

/// Shows nothing of what the client sent.
impl fmt::Debug for SaslExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}
