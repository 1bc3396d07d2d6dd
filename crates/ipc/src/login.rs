//! Session → auth: who wants in. Auth answers here only when it refuses or asks; when it accepts, the
//! maildrop process answers ([`crate::mail::FromMaildrop::Opened`]).

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vocabulary::LoginFailure;

use crate::wire::Message;
use crate::{LoginId, Secret};

/// The longest user name that a client may claim, in octets.
pub const MOST_USER: usize = 255;
/// The longest password or SASL response, in octets (RFC 5034, section 4).
pub const MOST_PASSWORD: usize = 12_288;
/// The longest name of a SASL mechanism, in octets (RFC 4422, section 3.1).
const MOST_MECHANISM: usize = 20;
/// The longest proof of a TLS channel, in octets (RFC 9266: 32).
const MOST_BINDING: usize = 256;

/// How long auth may take for one login. The session role waits a little longer, then gives the login up.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What the session role says about a login to the maildrop process. Auth passes it on as it is, from
/// [`Login`] to [`Open`](crate::open::Open).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContext {
    /// The login. Every answer carries it.
    pub id: LoginId,
    /// The number of the session in the log, which writes it in hexadecimal. One session may have several
    /// logins.
    pub session: u64,
    /// Whether the client accepts messages in UTF-8 (RFC 6856).
    pub utf8: bool,
}

/// A login attempt, or a question before one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The login, and what the maildrop process must know about the session.
    pub context: SessionContext,
    /// The client's address.
    pub peer: IpAddr,
    /// What the client shows.
    pub attempt: Attempt,
}

/// What a client shows to get in.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attempt {
    /// Nothing yet: is there such a user?
    Name {
        /// The name as the client sent it: auth decides whether it is one.
        #[serde(with = "serde_bytes")]
        user: Vec<u8>,
    },
    /// A name and a password.
    Password {
        /// The name as the client sent it.
        #[serde(with = "serde_bytes")]
        user: Vec<u8>,
        /// The password.
        password: Secret,
    },
    /// The beginning of a SASL exchange.
    Sasl {
        /// The mechanism's name, in capitals.
        mechanism: String,
        /// The initial response, if the client sent one.
        initial: Option<Secret>,
        /// What only the two ends of this TLS connection know (`tls-exporter`, RFC 9266).
        #[serde(with = "serde_bytes")]
        binding: Option<Vec<u8>>,
        /// Whom the client's certificate names, when it has one that was verified.
        #[serde(with = "serde_bytes")]
        certificate: Option<Vec<u8>>,
    },
}

impl Message for Login {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        match &self.attempt {
            Attempt::Name { user } | Attempt::Password { user, .. } if user.len() > MOST_USER => {
                Err("the user name is too long")
            }
            Attempt::Password { password, .. } if password.expose().len() > MOST_PASSWORD => {
                Err("the password is too long")
            }
            Attempt::Sasl { mechanism, .. } if mechanism.len() > MOST_MECHANISM => {
                Err("the mechanism's name is too long")
            }
            Attempt::Sasl { initial: Some(initial), .. } if initial.expose().len() > MOST_PASSWORD => {
                Err("the initial response is too long")
            }
            Attempt::Sasl { binding: Some(binding), .. } if binding.len() > MOST_BINDING => {
                Err("the channel binding is too long")
            }
            Attempt::Sasl { certificate: Some(name), .. } if name.len() > MOST_USER => {
                Err("the certificate's name is too long")
            }
            _ => Ok(()),
        }
    }
}

/// Auth's answer, where the maildrop process gives none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which login.
    pub id: LoginId,
    /// What auth says.
    pub said: Said,
}

/// What auth says to a login.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// No.
    Refused(Refused),
    /// There is such a user ([`Attempt::Name`]).
    Known,
    /// The exchange goes on: the descriptor beside this message is a channel for the rest of it,
    /// to the auth process that began it.
    Challenge(Challenge),
}

impl Message for Decision {
    fn check(&self) -> Result<(), &'static str> {
        match &self.said {
            Said::Challenge(challenge) => challenge.check(),
            Said::Refused(refused) => refused.check(),
            Said::Known => Ok(()),
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why, for the log; the client learns less.
    pub why: LoginFailure,
    /// Whom the client claimed to be, as far as that is known: for the log.
    #[serde(with = "serde_bytes")]
    pub user: Vec<u8>,
}

impl Refused {
    fn check(&self) -> Result<(), &'static str> {
        if self.user.len() > MOST_USER { Err("the user name is too long") } else { Ok(()) }
    }
}

/// What a client is to answer in an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl Challenge {
    fn check(&self) -> Result<(), &'static str> {
        if self.0.len() > MOST_PASSWORD { Err("the challenge is too long") } else { Ok(()) }
    }
}

/// The client's answer to a challenge, on the channel of its exchange. An exchange that the client
/// gives up ends with the channel.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response(pub Secret);

impl Message for Response {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        if self.0.expose().len() > MOST_PASSWORD { Err("the response is too long") } else { Ok(()) }
    }
}

/// What auth says on the channel of an exchange.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reaction {
    /// The next challenge.
    Challenge(Challenge),
    /// Yes: the maildrop process answers next.
    Accepted,
    /// No.
    Refused(Refused),
}

impl Message for Reaction {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Reaction::Challenge(challenge) => challenge.check(),
            Reaction::Refused(refused) => refused.check(),
            Reaction::Accepted => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    const ID: LoginId = LoginId { generation: 3, number: 1 << 40 };

    fn login(attempt: Attempt) -> Login {
        let context = SessionContext { id: ID, session: 5, utf8: true };
        Login { context, peer: "2001:db8::1".parse().unwrap(), attempt }
    }

    fn password(user: usize, password: usize) -> Login {
        login(Attempt::Password { user: vec![b'u'; user], password: Secret::new(vec![0xff; password]) })
    }

    fn sasl(initial: usize) -> Login {
        login(Attempt::Sasl {
            mechanism: "SCRAM-SHA-256-PLUS".to_owned(),
            initial: Some(Secret::new(vec![1; initial])),
            binding: Some(vec![2; 32]),
            certificate: Some(b"alice".to_vec()),
        })
    }

    #[test]
    fn logins_and_answers_survive() {
        round_trip(&login(Attempt::Name { user: b"alice".to_vec() }));
        round_trip(&password(0, 0));
        round_trip(&password(MOST_USER, 100));
        round_trip(&sasl(80));
        for why in [
            LoginFailure::Password,
            LoginFailure::UnknownUser,
            LoginFailure::Disabled,
            LoginFailure::DeniedHost,
            LoginFailure::Temporary,
        ] {
            let refused = || Refused { why, user: b"alice\xff".to_vec() };
            round_trip(&Decision { id: ID, said: Said::Refused(refused()) });
            round_trip(&Reaction::Refused(refused()));
        }
        round_trip(&Decision { id: ID, said: Said::Known });
        round_trip(&Decision { id: ID, said: Said::Challenge(Challenge(b"r=x".to_vec())) });
        round_trip(&Reaction::Accepted);
        round_trip(&Reaction::Challenge(Challenge(Vec::new())));
        round_trip(&Response(Secret::new(b"c=biws".to_vec())));
    }

    #[test]
    fn bounds_hold() {
        assert!(encode(&password(MOST_USER + 1, 0)).is_err());
        assert!(encode(&password(1, MOST_PASSWORD + 1)).is_err());
        assert!(encode(&password(MOST_USER, MOST_PASSWORD)).is_ok());
        assert!(encode(&sasl(MOST_PASSWORD)).is_ok());
        assert!(encode(&sasl(MOST_PASSWORD + 1)).is_err());
        assert!(encode(&Response(Secret::new(vec![0; MOST_PASSWORD + 1]))).is_err());
        assert!(encode(&Reaction::Challenge(Challenge(vec![0; MOST_PASSWORD + 1]))).is_err());
    }

    #[test]
    fn a_login_shows_no_password() {
        let attempt = Attempt::Password { user: b"u".to_vec(), password: Secret::new(b"hunter2".to_vec()) };
        let shown = format!("{:?} {:?}", login(attempt), Response(Secret::new(b"hunter2".to_vec())));
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
