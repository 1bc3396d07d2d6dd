//! Token introspection: asking the server that issued a token (RFC 7662).

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ipc::SecretOctets;
use ipc::directory::ServerBounds;
use serde_json::Value;
use tokio::sync::Semaphore;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Error};
use zeroize::Zeroizing;

use super::claims::Claims;
use crate::failure::{QueryError, SettingsError, chain};
use crate::tls::{TrustedRoots, provider};

/// The longest answer, in octets.
const MOST_OCTETS: u64 = 64 * 1024;

/// The server that is asked.
pub(super) struct Introspection {
    server: Arc<TokenServer>,
    slots: Arc<Semaphore>,
}

/// What a request needs; shared with the thread that sends it.
struct TokenServer {
    agent: Agent,
    url: String,
    /// The `Authorization` header, which names the client.
    authorization: Option<Zeroizing<String>>,
    name: String,
    limit: Duration,
}

impl Introspection {
    /// # Errors
    ///
    /// The settings cannot be used.
    pub(super) fn new(
        url: String,
        client_id: &str,
        client_secret: &SecretOctets,
        bounds: &ServerBounds,
    ) -> Result<Self, SettingsError> {
        let uri: ureq::http::Uri = url.parse().map_err(|error| SettingsError::Setting {
            key: "oauth.introspection_url",
            why: format!("it is no URL: {error}"),
        })?;
        let roots: Vec<_> = TrustedRoots::of(bounds)?
            .certificates()
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(provider())
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .timeout_global(Some(bounds.timeout))
            // Tokens and secrets go where the settings say, and nowhere else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .http_status_as_error(false)
            .user_agent("mpopd")
            .build()
            .new_agent();
        let name = format!("the token server {}", uri.host().unwrap_or_default());
        let authorization = authorization(client_id, client_secret.expose());
        let server = Arc::new(TokenServer { agent, url, authorization, name, limit: bounds.timeout });
        Ok(Self { server, slots: Arc::new(Semaphore::new(usize::from(bounds.connections.max(1)))) })
    }

    /// The claims of the token; `None` if it is not active.
    ///
    /// # Errors
    ///
    /// The server gives no usable answer.
    pub(super) async fn ask(&self, token: &str) -> Result<Option<Claims>, QueryError> {
        let server = self.server.clone();
        let asked = tokio::time::timeout(server.limit, async {
            // The semaphore is never closed. The slot is free again when the thread is done.
            let slot = self.slots.clone().acquire_owned().await;
            let (server, token) = (self.server.clone(), Zeroizing::new(token.to_owned()));
            tokio::task::spawn_blocking(move || {
                let claims = server.ask(&token);
                drop(slot);
                claims
            })
            .await
        });
        match asked.await {
            Ok(Ok(claims)) => claims,
            Ok(Err(_)) => {
                let why = "its thread ended before the answer".to_owned();
                Err(QueryError::Unreachable { server: server.name.clone(), why })
            }
            Err(_) => Err(server.late()),
        }
    }
}

impl TokenServer {
    fn ask(&self, token: &str) -> Result<Option<Claims>, QueryError> {
        let began = Instant::now();
        match self.request(token) {
            Ok(claims) => Ok(claims),
            // The server may have closed the connection since the last request. A second request does no
            // harm.
            Err(QueryError::Unreachable { .. }) if began.elapsed() < self.limit / 2 => self.request(token),
            Err(failure) => Err(failure),
        }
    }

    fn request(&self, token: &str) -> Result<Option<Claims>, QueryError> {
        let mut request = self.agent.post(&self.url).header("Accept", "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization.as_str());
        }
        let form = [("token", token), ("token_type_hint", "access_token")];
        let mut response = request.send_form(form).map_err(|error| self.failure(&error))?;
        let status = response.status();
        let (server, why) = (self.name.clone(), format!("it answered with status {status}"));
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(QueryError::Unreachable { server, why });
        }
        if status.as_u16() != 200 {
            return Err(QueryError::Rejected { server, why });
        }
        let body = response
            .body_mut()
            .with_config()
            .limit(MOST_OCTETS)
            .read_to_string()
            .map_err(|error| self.failure(&error))?;
        let Ok(Value::Object(claims)) = serde_json::from_str(&body) else {
            return Err(QueryError::Rejected { server, why: "its answer is no JSON object".to_owned() });
        };
        match claims.get("active") {
            Some(Value::Bool(true)) => Ok(Some(claims)),
            Some(Value::Bool(false)) => Ok(None),
            _ => Err(QueryError::Rejected { server, why: "its answer does not say \"active\"".to_owned() }),
        }
    }

    fn failure(&self, error: &Error) -> QueryError {
        match error {
            Error::Timeout(_) => self.late(),
            error => QueryError::Unreachable { server: self.name.clone(), why: chain(error) },
        }
    }

    fn late(&self) -> QueryError {
        QueryError::Late { server: self.name.clone(), after: self.limit }
    }
}

/// HTTP Basic authentication of a client (RFC 6749 section 2.3.1), which form-encodes both texts first.
fn authorization(client_id: &str, secret: &[u8]) -> Option<Zeroizing<String>> {
    if client_id.is_empty() {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::new());
    form_encode(client_id.as_bytes(), &mut plain);
    plain.push(b':');
    form_encode(secret, &mut plain);
    Some(Zeroizing::new(format!("Basic {}", BASE64.encode(&*plain))))
}

/// Form encoding, RFC 6749 appendix B.
fn form_encode(octets: &[u8], to: &mut Vec<u8>) {
    for octet in octets {
        match octet {
            b' ' => to.push(b'+'),
            b'*' | b'-' | b'.' | b'_' => to.push(*octet),
            _ if octet.is_ascii_alphanumeric() => to.push(*octet),
            _ => to.extend(format!("%{octet:02X}").bytes()),
        }
    }
}
