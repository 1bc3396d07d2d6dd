//! Session → auth: login attempts. Auth replies here only when it refuses a login or continues an exchange.
//! When it accepts a login, the maildrop process replies ([`crate::mail::FromMaildrop::Opened`]).

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vocabulary::LoginFailure;

use crate::wire::ChannelMessage;
use crate::{LoginId, SecretOctets};

/// The longest user name that a client may claim, in octets.
pub const MOST_USER: usize = 255;
/// The longest password or SASL response, in octets (RFC 5034, section 4).
pub const MOST_PASSWORD: usize = 12_288;
/// The longest name of a SASL mechanism, in octets (RFC 4422, section 3.1).
const MOST_MECHANISM: usize = 20;
/// The longest TLS channel binding, in octets (RFC 9266: 32).
const MOST_BINDING: usize = 256;

/// The time limit of auth for one login. The session role waits a little longer, then gives up.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// What the maildrop process must know about the session of a login. Auth passes it on unchanged, from
/// [`LoginRequest`] to [`OpenRequest`](crate::open::OpenRequest).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionContext {
    /// The login. Every reply repeats it.
    pub id: LoginId,
    /// The number of the session in the log, which writes it in hexadecimal. One session may have several
    /// logins.
    pub session: u64,
    /// Whether the client accepts messages in UTF-8 (RFC 6856).
    pub utf8: bool,
}

/// A login attempt, or a question before one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginRequest {
    /// The login, and what the maildrop process must know about the session.
    pub context: SessionContext,
    /// The client's address.
    pub peer: IpAddr,
    /// The name and proof of the client.
    pub attempt: ClientCredentials,
}

/// The credentials of a client.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientCredentials {
    /// Only a name: does the user exist?
    Name {
        /// The name as the client sent it; auth checks it.
        #[serde(with = "serde_bytes")]
        user: Vec<u8>,
    },
    /// A name and a password.
    Password {
        /// The name as the client sent it.
        #[serde(with = "serde_bytes")]
        user: Vec<u8>,
        /// The password.
        password: SecretOctets,
    },
    /// The start of a SASL exchange.
    Sasl {
        /// The name of the mechanism, in capitals.
        mechanism: String,
        /// The initial response, if the client sent one.
        initial: Option<SecretOctets>,
        /// A value that only the two ends of this TLS connection know (`tls-exporter`, RFC 9266).
        #[serde(with = "serde_bytes")]
        binding: Option<Vec<u8>>,
        /// The name in the verified certificate of the client, if it has one.
        #[serde(with = "serde_bytes")]
        certificate: Option<Vec<u8>>,
    },
}

impl ChannelMessage for LoginRequest {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        match &self.attempt {
            ClientCredentials::Name { user } | ClientCredentials::Password { user, .. }
                if user.len() > MOST_USER =>
            {
                Err("the user name is too long")
            }
            ClientCredentials::Password { password, .. } if password.expose().len() > MOST_PASSWORD => {
                Err("the password is too long")
            }
            ClientCredentials::Sasl { mechanism, .. } if mechanism.len() > MOST_MECHANISM => {
                Err("the mechanism's name is too long")
            }
            ClientCredentials::Sasl { initial: Some(initial), .. }
                if initial.expose().len() > MOST_PASSWORD =>
            {
                Err("the initial response is too long")
            }
            ClientCredentials::Sasl { binding: Some(binding), .. } if binding.len() > MOST_BINDING => {
                Err("the channel binding is too long")
            }
            ClientCredentials::Sasl { certificate: Some(name), .. } if name.len() > MOST_USER => {
                Err("the certificate's name is too long")
            }
            _ => Ok(()),
        }
    }
}

/// The reply of auth when the maildrop process sends none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The login.
    pub id: LoginId,
    /// The verdict.
    pub verdict: AuthVerdict,
}

/// The verdict of auth on a login.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthVerdict {
    /// The login is refused.
    Refused(RefusedLogin),
    /// The user exists ([`ClientCredentials::Name`]).
    Known,
    /// The exchange continues. The descriptor of this message is a channel to the auth process that started
    /// it.
    Challenge(Challenge),
}

impl ChannelMessage for Decision {
    fn check(&self) -> Result<(), &'static str> {
        match &self.verdict {
            AuthVerdict::Challenge(challenge) => challenge.check(),
            AuthVerdict::Refused(refused) => refused.check(),
            AuthVerdict::Known => Ok(()),
        }
    }
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLogin {
    /// The reason for the log; the client learns less.
    pub why: LoginFailure,
    /// The name that the client claimed, if it is known, for the log.
    #[serde(with = "serde_bytes")]
    pub user: Vec<u8>,
}

impl RefusedLogin {
    fn check(&self) -> Result<(), &'static str> {
        if self.user.len() > MOST_USER {
            return Err("the user name is too long");
        }
        match self.why {
            LoginFailure::Password
            | LoginFailure::UnknownUser
            | LoginFailure::Disabled
            | LoginFailure::DeniedHost
            | LoginFailure::ReverseLookup
            | LoginFailure::Temporary => Ok(()),
            LoginFailure::Plaintext
            | LoginFailure::Limit
            | LoginFailure::InUse
            | LoginFailure::LoginDelay
            | LoginFailure::Maildrop => Err("a failure that auth cannot find"),
        }
    }
}

/// A challenge that the client must answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl Challenge {
    fn check(&self) -> Result<(), &'static str> {
        if self.0.len() > MOST_PASSWORD { Err("the challenge is too long") } else { Ok(()) }
    }
}

/// The client's response to a challenge, on the channel of the exchange. If the client cancels the exchange,
/// the channel is closed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeResponse(pub SecretOctets);

impl ChannelMessage for ExchangeResponse {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        if self.0.expose().len() > MOST_PASSWORD { Err("the response is too long") } else { Ok(()) }
    }
}

/// A reply of auth on the channel of an exchange.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExchangeReply {
    /// The next challenge.
    Challenge(Challenge),
    /// The login is accepted: the maildrop process replies next.
    Accepted,
    /// The login is refused.
    Refused(RefusedLogin),
}

impl ChannelMessage for ExchangeReply {
    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self::Challenge(challenge) => challenge.check(),
            Self::Refused(refused) => refused.check(),
            Self::Accepted => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    const ID: LoginId = LoginId { generation: 3, number: 1 << 40 };

    fn login(attempt: ClientCredentials) -> LoginRequest {
        let context = SessionContext { id: ID, session: 5, utf8: true };
        LoginRequest { context, peer: "2001:db8::1".parse().unwrap(), attempt }
    }

    fn password(user: usize, password: usize) -> LoginRequest {
        login(ClientCredentials::Password {
            user: vec![b'u'; user],
            password: SecretOctets::new(vec![0xff; password]),
        })
    }

    fn sasl(initial: usize) -> LoginRequest {
        login(ClientCredentials::Sasl {
            mechanism: "SCRAM-SHA-256-PLUS".to_owned(),
            initial: Some(SecretOctets::new(vec![1; initial])),
            binding: Some(vec![2; 32]),
            certificate: Some(b"alice".to_vec()),
        })
    }

    #[test]
    fn logins_and_answers_survive() {
        round_trip(&login(ClientCredentials::Name { user: b"alice".to_vec() }));
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
            let refused = || RefusedLogin { why, user: b"alice\xff".to_vec() };
            round_trip(&Decision { id: ID, verdict: AuthVerdict::Refused(refused()) });
            round_trip(&ExchangeReply::Refused(refused()));
        }
        round_trip(&Decision { id: ID, verdict: AuthVerdict::Known });
        round_trip(&Decision { id: ID, verdict: AuthVerdict::Challenge(Challenge(b"r=x".to_vec())) });
        round_trip(&ExchangeReply::Accepted);
        round_trip(&ExchangeReply::Challenge(Challenge(Vec::new())));
        round_trip(&ExchangeResponse(SecretOctets::new(b"c=biws".to_vec())));
    }

    #[test]
    fn auth_reports_only_failures_of_authentication() {
        let refused = |why: &&LoginFailure| {
            let refused = RefusedLogin { why: **why, user: b"alice".to_vec() };
            encode(&ExchangeReply::Refused(refused)).is_ok()
        };
        assert_eq!(LoginFailure::ALL.iter().filter(refused).count(), 6);
        assert!(!refused(&&LoginFailure::InUse) && !refused(&&LoginFailure::Limit));
    }

    #[test]
    fn bounds_hold() {
        assert!(encode(&password(MOST_USER + 1, 0)).is_err());
        assert!(encode(&password(1, MOST_PASSWORD + 1)).is_err());
        assert!(encode(&password(MOST_USER, MOST_PASSWORD)).is_ok());
        assert!(encode(&sasl(MOST_PASSWORD)).is_ok());
        assert!(encode(&sasl(MOST_PASSWORD + 1)).is_err());
        assert!(encode(&ExchangeResponse(SecretOctets::new(vec![0; MOST_PASSWORD + 1]))).is_err());
        assert!(encode(&ExchangeReply::Challenge(Challenge(vec![0; MOST_PASSWORD + 1]))).is_err());
    }

    #[test]
    fn a_login_shows_no_password() {
        let attempt = ClientCredentials::Password {
            user: b"u".to_vec(),
            password: SecretOctets::new(b"hunter2".to_vec()),
        };
        let shown =
            format!("{:?} {:?}", login(attempt), ExchangeResponse(SecretOctets::new(b"hunter2".to_vec())));
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
