//! PLAIN (RFC 4616) and LOGIN (no RFC): the client sends name and password, which are judged like those of
//! PASS.
//!
//! [`Authenticator::login`] prepares them, so that a password means the same in all three.

use vocabulary::LoginFailure;

use super::client::SaslClient;
use super::refusal::SaslRefusal;
use crate::account::Account;
use crate::authenticator::Authenticator;

/// Takes the only message of PLAIN: `authorization NUL user NUL password`.
pub(super) fn plain(
    message: &[u8],
    client: &SaslClient,
    auth: &mut Authenticator,
) -> Result<Account, SaslRefusal> {
    let mut fields = message.split(|octet| *octet == 0);
    let (Some(acts_as), Some(user), Some(password), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(SaslRefusal::unnamed(LoginFailure::UnknownUser));
    };
    if !acts_as.is_empty() && acts_as != user {
        return Err(SaslRefusal::new(user, LoginFailure::Password));
    }
    login(user, password, client, auth)
}

/// Takes the two responses of LOGIN.
pub(super) fn login(
    user: &[u8],
    password: &[u8],
    client: &SaslClient,
    auth: &mut Authenticator,
) -> Result<Account, SaslRefusal> {
    auth.login(user, password, client.peer).map_err(|error| SaslRefusal::new(user, error))
}
