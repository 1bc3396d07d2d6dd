//! The session role's settings.

use std::sync::Arc;

use config::Config;
use session_role::{MechanismOffer, ProxyNetworks, Settings};

/// The session role's part of the configuration. `scram`: whether SCRAM can check every user's password.
pub(crate) fn settings(config: &Config, scram: bool) -> Settings {
    let tokens = auth::directory_setup(config).is_some_and(|setup| setup.oauth.is_some());
    Settings {
        greeting: config.greeting.clone(),
        timeout: config.timeout,
        login_timeout: config.login_timeout,
        max_servers: usize::try_from(config.max_servers).unwrap_or(usize::MAX),
        allow_plaintext: config.allow_plaintext,
        proxies: ProxyNetworks {
            header: config.proxy_networks.clone(),
            xclient: config.xclient_networks.clone(),
        },
        max_servers_per_ip: config.max_servers_per_ip,
        max_servers_per_user: config.max_servers_per_user,
        auth_failure_delay: config.auth_failure_delay,
        passsecret: config.passsecret,
        tls: None,
        stls: config.tls.stls,
        sasl: MechanismOffer { configured: config.sasl_mechanisms.clone(), scram, tokens },
        policy: Arc::new(pop3::Policy {
            implementation: config
                .implementation
                .then(|| concat!("mpopd-", env!("CARGO_PKG_VERSION")).to_owned()),
            refuse_unknown_users: config.reject_bogus_user,
            login_delay: config.login_delay.as_secs(),
            expire: config.expire,
            utf8: config.utf8,
            language: config.language,
            ..pop3::Policy::default()
        }),
    }
}
