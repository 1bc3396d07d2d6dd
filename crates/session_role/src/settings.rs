//! The settings of the role.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use vocabulary::AllowPlaintext;

use crate::login::MechanismOffer;
use crate::proxy_networks::ProxyNetworks;

/// What the administrator decides about sessions.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The text after the `+OK` of the greeting.
    pub greeting: String,
    /// How long a client may be silent, or accept nothing of what is sent to it.
    pub timeout: Duration,
    /// How long a client may take to log in.
    pub login_timeout: Duration,
    /// The largest number of concurrent connections.
    pub max_servers: usize,
    /// The largest number of concurrent connections from one network: an IPv4 address, or an IPv6 /64.
    pub max_servers_per_ip: u32,
    /// The largest number of concurrent sessions of one user.
    pub max_servers_per_user: u32,
    /// How long the reply to a first failed login is delayed.
    pub auth_failure_delay: Duration,
    /// Whether passwords are kept out of the users' own logs.
    pub passsecret: bool,
    /// Which clients may send passwords without TLS.
    pub allow_plaintext: AllowPlaintext,
    /// The networks whose connections may speak for other clients.
    pub proxies: ProxyNetworks,
    /// Certificates and keys, if TLS is configured. This role reads them before it is confined; no other
    /// process has the keys.
    pub tls: Option<Arc<ServerConfig>>,
    /// Whether STLS is offered when TLS is configured.
    pub stls: bool,
    /// The SASL mechanisms.
    pub sasl: MechanismOffer,
    /// The rules of the dialogue.
    pub policy: Arc<pop3::Policy>,
}
