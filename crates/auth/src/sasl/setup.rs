//! What the exchanges of one [`Authenticator`](crate::Authenticator) may use.

use config::Config;
use vocabulary::SaslMechanism;

use super::{BadToken, TokenCheck};

pub(crate) struct Setup {
    mechanisms: Vec<SaslMechanism>,
    /// Certificates of clients are asked for and verified.
    certificates: bool,
    tokens: Option<Box<dyn TokenCheck>>,
}

impl Setup {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            mechanisms: config.sasl_mechanisms.clone(),
            certificates: config.tls.client_ca.is_some(),
            tokens: None,
        }
    }

    pub(crate) fn check_tokens_with(&mut self, tokens: Box<dyn TokenCheck>) {
        self.tokens = Some(tokens);
    }

    /// Whether there can be such an exchange at all.
    pub(crate) fn serves(&self, mechanism: SaslMechanism) -> bool {
        let has_what_it_needs = match mechanism {
            SaslMechanism::External => self.certificates,
            SaslMechanism::OauthBearer | SaslMechanism::Xoauth2 => self.tokens.is_some(),
            SaslMechanism::Plain | SaslMechanism::Login => true,
            SaslMechanism::ScramSha256 | SaslMechanism::ScramSha256Plus => true,
        };
        has_what_it_needs && self.mechanisms.contains(&mechanism)
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
