//! Carries out XCLIENT, with which a proxy names its client.

use logging::{Untrusted, step};
use pop3::{Forwarded, Shutdown};

use super::handler::ConnectionHandler;

impl ConnectionHandler {
    /// From now on everything counts for the client that the proxy names.
    pub(super) fn forward(&mut self, forwarded: &Forwarded) -> Result<(), Shutdown> {
        let proxy = self.origin.peer;
        let peer = forwarded.address.unwrap_or(proxy).to_canonical();
        let Some(origin) = self.origin.forwarded(&self.shared, forwarded) else {
            self.shared.counters.connections_refused.add(1);
            tracing::warn!(ip = %peer, reason = "limit", "connection refused");
            return Err(Shutdown::Busy);
        };
        self.origin = origin;
        step!(
            self.session,
            "session",
            "forward",
            "forwarded",
            ip = %peer,
            proxy = %proxy,
            proxy_session = %Untrusted(forwarded.session.as_deref().unwrap_or_default().as_bytes())
        );
        self.record.set_peer(peer);
        self.record.encrypted(self.tls_version());
        let tls = self.origin.security(&self.shared.settings, self.stream.is_tls());
        let mechanisms = match self.stream.is_tls() {
            true => self.mechanisms(),
            false => self.shared.mechanisms.before_tls(tls),
        };
        self.dialogue.forwarded(tls, mechanisms, self.origin.trusted_proxy, &mut self.out);
        Ok(())
    }
}
