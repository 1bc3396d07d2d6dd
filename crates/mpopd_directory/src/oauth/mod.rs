//! Whom an OAuth 2.0 access token stands for: the server that issued it is asked, or its signature is checked here.

mod claims;
mod introspection;
mod keys;
mod signature;

use std::path::PathBuf;

use ipc::SecretOctets;
use ipc::directory::{self, TokenVerification};

use crate::failure::{Failure, NotStarted};
use claims::Wanted;
use introspection::Introspection;
use keys::KeyFile;

/// The table `[oauth]`.
pub(crate) struct OAuth {
    by: By,
    wanted: Wanted,
}

enum By {
    Introspection(Introspection),
    Keys(Box<KeyFile>),
}

impl OAuth {
    /// Makes ready; no server is spoken to yet.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub(crate) fn new(settings: directory::OAuthSettings) -> Result<Self, NotStarted> {
        let wanted = Wanted {
            issuer: settings.issuer,
            audience: settings.audience,
            scope: settings.scope,
            user_claim: settings.user_claim,
        };
        let by = match settings.by {
            TokenVerification::Introspection { url, client_id, client_secret } => {
                By::Introspection(Introspection::new(url, &client_id, &client_secret, &settings.bounds)?)
            }
            TokenVerification::Keys(path) => By::Keys(Box::new(KeyFile::new(PathBuf::from(path), &wanted)?)),
        };
        Ok(Self { by, wanted })
    }

    /// The name of the user; `None` if the token is not, or no longer, good for this server.
    ///
    /// # Errors
    /// It could not be found out.
    pub(crate) async fn check(&self, token: &SecretOctets) -> Result<Option<String>, Failure> {
        // RFC 6750 section 2.1: visible ASCII. Anything else is no token, and is sent nowhere.
        let token = match str::from_utf8(token.expose()) {
            Ok(token) if !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic()) => token,
            _ => return Ok(None),
        };
        let claims = match &self.by {
            By::Introspection(introspection) => introspection.ask(token).await?,
            By::Keys(keys) => keys.verify(token)?,
        };
        Ok(claims.and_then(|claims| self.wanted.user(&claims)))
    }
}
