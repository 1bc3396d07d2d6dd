//! Session → auth: who wants in. Auth answers here only when it refuses; when it accepts, the
//! maildrop process answers ([`crate::mail::FromMaildrop::Opened`]).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::wire::Message;
use crate::{LoginId, Secret};

/// The longest user name that a client may claim, in octets.
pub const MOST_USER: usize = 255;
/// The longest password, in octets: what a SASL response of 12288 octets can carry (RFC 4422).
pub const MOST_PASSWORD: usize = 12_288;

/// A login attempt.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// By this name the answer comes.
    pub id: LoginId,
    /// The client's address.
    pub peer: IpAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// The name as the client sent it: auth decides whether it is one.
    #[serde(with = "serde_bytes")]
    pub user: Vec<u8>,
    /// The password.
    pub password: Secret,
}

impl Message for Login {
    const SECRET: bool = true;

    fn check(&self) -> Result<(), &'static str> {
        if self.user.len() > MOST_USER {
            return Err("the user name is too long");
        }
        if self.password.expose().len() > MOST_PASSWORD {
            return Err("the password is too long");
        }
        Ok(())
    }
}

/// Auth's refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which login.
    pub id: LoginId,
    /// Why, for the log; the client learns less.
    pub why: Why,
}

impl Message for Refused {
    fn check(&self) -> Result<(), &'static str> {
        Ok(())
    }
}

/// Why a login was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// The password is wrong.
    Password,
    /// There is no such user.
    UnknownUser,
    /// The user exists but may not log in.
    Disabled,
    /// The client's host may not connect.
    DeniedHost,
    /// The client's address has no host name that leads back to it.
    ReverseLookup,
    /// It could not be decided now.
    Temporary,
}

impl Why {
    /// The word in the log line `login failed ... reason=`.
    pub fn word(self) -> &'static str {
        match self {
            Why::Password => "password",
            Why::UnknownUser => "unknown-user",
            Why::Disabled => "disabled",
            Why::DeniedHost => "denied-host",
            Why::ReverseLookup => "reverse-lookup",
            Why::Temporary => "temporary",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{encode, tests::round_trip};

    fn login(user: usize, password: usize) -> Login {
        Login {
            id: LoginId { generation: 3, number: 1 << 40 },
            peer: "2001:db8::1".parse().unwrap(),
            tls: true,
            user: vec![b'u'; user],
            password: Secret::new(vec![0xff; password]),
        }
    }

    #[test]
    fn logins_and_refusals_survive() {
        round_trip(&login(0, 0));
        round_trip(&login(MOST_USER, 100));
        for why in [Why::Password, Why::UnknownUser, Why::Disabled, Why::DeniedHost, Why::Temporary] {
            round_trip(&Refused { id: LoginId { generation: 0, number: 0 }, why });
        }
    }

    #[test]
    fn bounds_hold() {
        assert!(encode(&login(MOST_USER + 1, 0)).is_err());
        assert!(encode(&login(1, MOST_PASSWORD + 1)).is_err());
        assert!(encode(&login(MOST_USER, MOST_PASSWORD)).is_ok());
    }

    #[test]
    fn a_login_shows_no_password() {
        let shown = format!("{:?}", Login { password: Secret::new(b"hunter2".to_vec()), ..login(1, 0) });
        assert!(!shown.contains("hunter2") && !shown.contains("104"), "{shown}");
    }
}
