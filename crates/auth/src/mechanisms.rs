//! Which SASL mechanisms an authenticator serves.

use config::Config;
use vocabulary::SaslMechanism;

use crate::token_check::{BadToken, TokenCheck};

/// The configured mechanisms, and what some of them need.
pub(crate) struct ServedMechanisms {
    configured: Vec<SaslMechanism>,
    /// Whether clients are asked for certificates, which are then verified.
    certificates: bool,
    tokens: Option<Box<dyn TokenCheck>>,
}

impl ServedMechanisms {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            configured: config.sasl_mechanisms.clone(),
            certificates: config.tls.client_ca.is_some(),
            tokens: None,
        }
    }

    pub(crate) fn check_tokens_with(&mut self, tokens: Box<dyn TokenCheck>) {
        self.tokens = Some(tokens);
    }

    /// Whether an exchange of this mechanism can succeed at all.
    pub(crate) fn serves(&self, mechanism: SaslMechanism) -> bool {
        let has_what_it_needs = match mechanism {
            SaslMechanism::External => self.certificates,
            SaslMechanism::OauthBearer | SaslMechanism::Xoauth2 => self.tokens.is_some(),
            SaslMechanism::Plain | SaslMechanism::Login => true,
            SaslMechanism::ScramSha256 | SaslMechanism::ScramSha256Plus => true,
        };
        has_what_it_needs && self.configured.contains(&mechanism)
    }

    pub(crate) fn check_token(&mut self, token: &[u8]) -> Result<String, BadToken> {
        match &mut self.tokens {
            Some(tokens) => tokens.check(token),
            None => Err(BadToken::Refused),
        }
    }

    pub(crate) fn token_scope(&self) -> &str {
        self.tokens.as_ref().map_or("", |tokens| tokens.scope())
    }
}
