//! EXTERNAL (RFC 4422, appendix A): the client's certificate says who it is.

use super::{Client, Refused};
use crate::authenticator::{Account, Authenticator};
use crate::refusal::Refusal;

/// The one response: nothing, or the user whom the client wants to be.
pub(super) fn answer(response: &[u8], client: &Client, auth: &mut Authenticator) -> Result<Account, Refused> {
    let Some(named) = &client.certificate else {
        return Err(Refused::new(response, Refusal::Password));
    };
    if !response.is_empty() && response != &**named {
        return Err(Refused::new(named, Refusal::Password));
    }
    auth.vouched(named, client.peer).map_err(|why| Refused::new(named, why))
}
