//! Names in user lists by host name and by domain (kinds 2 to 5).

use config::AuthType;

use super::interface::UserQuery;
use crate::host::HostName;
use crate::login_error::LoginError;
use crate::name::UserName;

/// The host or domain whose users a name is looked up among, and the name there; `None` if there is none.
///
/// # Errors
///
/// The client's host name is needed and the resolver failed.
pub(super) fn host_and_local(query: &UserQuery<'_>) -> Result<Option<(HostName, UserName)>, LoginError> {
    let by_domain = matches!(query.kind, AuthType::SystemOrHostOrDomain | AuthType::HostOrDomain);
    match query.user.as_str().rsplit_once('@').filter(|_| by_domain) {
        Some((local, domain)) => match (UserName::try_from(local.as_bytes()), HostName::parse(domain)) {
            (Ok(local), Some(domain)) => Ok(Some((domain, local))),
            _ => Ok(None),
        },
        None => Ok(query.peer.host()?.map(|host| (host.clone(), query.user.clone()))),
    }
}
