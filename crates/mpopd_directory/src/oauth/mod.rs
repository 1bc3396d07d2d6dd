//! The user of an OAuth 2.0 access token: the server that issued it is asked, or its signature is checked
//! here.

mod claims;
mod introspection;
mod keys;
mod signature;

use std::path::PathBuf;

use ipc::SecretOctets;
use ipc::directory::{self, TokenVerification};

use crate::failure::{QueryError, SettingsError};
use claims::RequiredClaims;
use introspection::Introspection;
use keys::KeyFile;

/// The table `[oauth]`.
pub(crate) struct OAuth {
    by: TokenVerifier,
    required: RequiredClaims,
}

enum TokenVerifier {
    Introspection(Introspection),
    Keys(Box<KeyFile>),
}

impl OAuth {
    /// Checks the settings; contacts no server yet.
    ///
    /// # Errors
    ///
    /// The settings cannot be used.
    pub(crate) fn new(settings: directory::OAuthSettings) -> Result<Self, SettingsError> {
        let required = RequiredClaims {
            issuer: settings.issuer,
            audience: settings.audience,
            scope: settings.scope,
            user_claim: settings.user_claim,
        };
        let by = match settings.by {
            TokenVerification::Introspection { url, client_id, client_secret } => {
                TokenVerifier::Introspection(Introspection::new(
                    url,
                    &client_id,
                    &client_secret,
                    &settings.bounds,
                )?)
            }
            TokenVerification::Keys(path) => {
                TokenVerifier::Keys(Box::new(KeyFile::new(PathBuf::from(path), &required)?))
            }
        };
        Ok(Self { by, required })
    }

    /// The name of the user; `None` if the token is not valid for this server, or not any more.
    ///
    /// # Errors
    ///
    /// The server or the key file cannot be read.
    pub(crate) async fn check(&self, token: &SecretOctets) -> Result<Option<String>, QueryError> {
        // RFC 6750 section 2.1: visible ASCII. Anything else is no token and is not sent anywhere.
        let token = match str::from_utf8(token.expose()) {
            Ok(token) if !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic()) => token,
            _ => return Ok(None),
        };
        let claims = match &self.by {
            TokenVerifier::Introspection(introspection) => introspection.ask(token).await?,
            TokenVerifier::Keys(keys) => keys.verify(token)?,
        };
        Ok(claims.and_then(|claims| self.required.user(&claims)))
    }
}
