//! A proxy tells for whom it speaks (XCLIENT).

use pop3::{Forwarded, Shutdown};

use super::Connection;
use logging::Untrusted;

impl Connection {
    /// From here on everything counts for the client that the proxy names.
    pub(super) fn forward(&mut self, forwarded: &Forwarded) -> Result<(), Shutdown> {
        let proxy = self.origin.peer;
        let peer = forwarded.address.unwrap_or(proxy).to_canonical();
        let Some(origin) = self.origin.forwarded(&self.house, forwarded) else {
            self.house.counters.connections_refused.add(1);
            tracing::warn!(ip = %peer, reason = "limit", "connection refused");
            return Err(Shutdown::Busy);
        };
        self.origin = origin;
        tracing::debug!(
            ip = %peer,
            proxy = %proxy,
            proxy_session = %Untrusted(forwarded.session.as_deref().unwrap_or_default().as_bytes()),
            session = %format_args!("{:x}", self.session),
            "forwarded"
        );
        self.visit.comes_from(peer);
        self.visit.encrypted(self.tls_version());
        let tls = self.origin.security(&self.house.limits, self.stream.is_tls());
        let mechanisms = match self.stream.is_tls() {
            true => self.mechanisms(),
            false => self.house.offers.before_tls(tls),
        };
        self.dialogue.forwarded(tls, mechanisms, self.origin.believed, &mut self.out);
        Ok(())
    }

    /// The version of TLS as the log names it; `none` without.
    pub(super) fn tls_version(&self) -> &'static str {
        match self.origin.tls {
            Some(version) if !self.stream.is_tls() => version.as_str(),
            _ => self.stream.tls_version(),
        }
    }
}
