//! PLAIN (RFC 4616) and LOGIN (no RFC): name and password as they are, judged like those of PASS.
//!
//! They are prepared where those of PASS are, so that a password is the same here and there.

use super::{Client, Refused};
use crate::authenticator::{Account, Authenticator};
use crate::refusal::Refusal;

/// The one message of PLAIN: `authorization NUL user NUL password`.
pub(super) fn plain(message: &[u8], client: &Client, auth: &mut Authenticator) -> Result<Account, Refused> {
    let mut fields = message.split(|octet| *octet == 0);
    let (Some(acts_as), Some(user), Some(password), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Refused::unnamed(Refusal::UnknownUser));
    };
    if !acts_as.is_empty() && acts_as != user {
        return Err(Refused::new(user, Refusal::Password));
    }
    login(user, password, client, auth)
}

/// The answers of LOGIN.
pub(super) fn login(
    user: &[u8],
    password: &[u8],
    client: &Client,
    auth: &mut Authenticator,
) -> Result<Account, Refused> {
    auth.login(user, password, client.peer).map_err(|why| Refused::new(user, why))
}
