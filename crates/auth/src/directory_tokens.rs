//! OAuth tokens, checked by mpopd-directory.

use config::Config;
use ipc::directory::{DirectoryQuery, LookupOutcome};

use crate::directory_client::{DirectoryClient, DirectoryError};
use crate::token_check::{BadToken, TokenCheck};

/// Has the tokens of OAUTHBEARER and XOAUTH2 checked by mpopd-directory.
pub(crate) struct DirectoryTokens {
    directory: DirectoryClient,
    scope: String,
}

impl DirectoryTokens {
    /// `None` if the settings name neither a server nor keys that tokens could be checked with.
    pub(crate) fn new(config: &Config, directory: &DirectoryClient) -> Option<Self> {
        let oauth = &config.oauth;
        let named = oauth.introspection_url.is_some() || oauth.jwks.is_some();
        named.then(|| Self { directory: directory.clone(), scope: oauth.scope.clone() })
    }
}

impl TokenCheck for DirectoryTokens {
    fn check(&mut self, token: &[u8]) -> Result<String, BadToken> {
        let temporary = |error: DirectoryError| BadToken::Temporary(error.to_string());
        match self
            .directory
            .ask(DirectoryQuery::Token(ipc::SecretOctets::new(token.to_vec())))
            .map_err(temporary)?
        {
            LookupOutcome::Granted(user) => Ok(user),
            LookupOutcome::Refused => Err(BadToken::Refused),
            LookupOutcome::Found(_) | LookupOutcome::NotFound | LookupOutcome::Temporary(_) => {
                Err(temporary(DirectoryError::WrongAnswer))
            }
        }
    }

    fn scope(&self) -> &str {
        &self.scope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory_client::tests::answering;

    fn config(toml: &str) -> Config {
        config::parse(std::path::Path::new("f"), toml.as_bytes()).unwrap().config
    }

    #[test]
    fn tokens_are_asked_for_where_somebody_vouches() {
        assert!(
            DirectoryTokens::new(&Config::default(), &DirectoryClient::new(&Config::default())).is_none()
        );
        let config = config("[oauth]\nintrospection_url = \"https://h/\"\nscope = \"pop\"\n");
        let answers = |ask: &DirectoryQuery| match ask {
            DirectoryQuery::Token(token) if token.expose() == b"good" => {
                vec![LookupOutcome::Granted("alice".to_owned())]
            }
            DirectoryQuery::Token(token) if token.expose() == b"down" => {
                vec![LookupOutcome::Temporary("down".to_owned())]
            }
            DirectoryQuery::Token(_) => vec![LookupOutcome::Refused],
            DirectoryQuery::Lookup(_) | DirectoryQuery::Verify { .. } => vec![LookupOutcome::NotFound],
        };
        let directory = answering(&config, answers);
        let mut tokens = DirectoryTokens::new(&config, &directory).unwrap();
        assert_eq!(tokens.check(b"good"), Ok("alice".to_owned()));
        assert_eq!(tokens.check(b"bad"), Err(BadToken::Refused));
        assert_eq!(tokens.check(b"down"), Err(BadToken::Temporary("down".to_owned())));
        assert_eq!(tokens.scope(), "pop");
    }
}
