//! EXTERNAL (RFC 4422, appendix A): the client's certificate says who it is.

use vocabulary::LoginFailure;

use super::client::SaslClient;
use super::refusal::SaslRefusal;
use crate::account::Account;
use crate::authenticator::Authenticator;

/// Takes the only response: empty, or the user that the client wants to be.
pub(super) fn answer(
    response: &[u8],
    client: &SaslClient,
    auth: &mut Authenticator,
) -> Result<Account, SaslRefusal> {
    let Some(named) = &client.certificate else {
        return Err(SaslRefusal::new(response, LoginFailure::Password));
    };
    if !response.is_empty() && response != &**named {
        return Err(SaslRefusal::new(named, LoginFailure::Password));
    }
    auth.vouched(named, client.peer).map_err(|error| SaslRefusal::new(named, error))
}
