//! The state of one connection.

use std::sync::Arc;

use logging::{StepTimer, step};
use pop3::{Dialogue, Mechanisms, Shutdown};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::listing::MailListing;
use super::origin::Origin;
use crate::accept::Security;
use crate::limits::QuotaSlot;
use crate::login::PendingExchange;
use crate::maildrop::OpenMail;
use crate::shared::Shared;
use crate::stream::ClientStream;
use crate::table::ConnectionRecord;

/// Handles one connection: has its dialogue and everything that the dialogue needs.
pub(crate) struct ConnectionHandler {
    pub(super) shared: Arc<Shared>,
    pub(super) stream: ClientStream,
    pub(super) security: Security,
    pub(super) record: Arc<ConnectionRecord>,
    pub(super) origin: Origin,
    /// Its number, `session=` in the log.
    pub(super) session: u64,
    pub(super) dialogue: Dialogue<MailListing>,
    /// Replies that are not sent yet.
    pub(super) out: Vec<u8>,
    /// The SASL exchange in progress and its mechanism.
    pub(super) exchange: Option<(&'static str, PendingExchange)>,
    /// From login to QUIT.
    pub(super) mail: Option<OpenMail>,
    /// From login on: the user's name, and one of the sessions that the user may have.
    pub(super) user: Option<(String, QuotaSlot<String>)>,
    /// When the time to log in is over.
    pub(super) login_until: Instant,
}

impl ConnectionHandler {
    pub(crate) fn new(
        shared: Arc<Shared>,
        socket: TcpStream,
        security: Security,
        record: Arc<ConnectionRecord>,
        origin: Origin,
    ) -> Self {
        let settings = &shared.settings;
        let session = record.session;
        let tls = origin.security(settings, security == Security::Tls);
        let dialogue = Dialogue::new(settings.policy.clone(), tls, shared.mechanisms.before_tls(tls));
        if let Some(version) = origin.tls {
            record.encrypted(version.as_str());
        }
        Self {
            stream: ClientStream::new(socket, record.clone(), settings.timeout),
            security,
            dialogue: dialogue.trusted_proxy(origin.trusted_proxy),
            exchange: None,
            login_until: Instant::now() + settings.login_timeout,
            out: Vec::new(),
            mail: None,
            user: None,
            shared,
            record,
            origin,
            session,
        }
    }

    /// Does the TLS handshake.
    pub(super) async fn start_tls(&mut self) -> Result<(), Shutdown> {
        let Some(tls) = self.shared.settings.tls.clone() else { return Err(Shutdown::ServerError) };
        let timer = StepTimer::start();
        let done = self.stream.start_tls(tls, &self.shared.handshakes, self.login_until).await;
        if done.is_ok() {
            let (tls, us) = (self.stream.tls_version(), timer.micros());
            step!(self.session, "session", "starttls", "TLS handshake done", tls, us);
        }
        done
    }

    /// The SASL mechanisms that can be used with the TLS parameters of this connection.
    pub(super) fn mechanisms(&self) -> Mechanisms {
        let certified = self.stream.certified_user().is_some();
        self.shared.mechanisms.encrypted(self.stream.channel_binding().is_some(), certified)
    }

    /// The version of TLS, for the log; `none` without TLS.
    pub(super) fn tls_version(&self) -> &'static str {
        match self.origin.tls {
            Some(version) if !self.stream.is_tls() => version.as_str(),
            _ => self.stream.tls_version(),
        }
    }

    /// The user's name for the log; empty before a login.
    pub(super) fn user_name(&self) -> &str {
        self.user.as_ref().map(|(name, _)| name.as_str()).unwrap_or_default()
    }

    /// Passes the notes for the user's own log to the maildrop process.
    pub(super) async fn write_notes(&mut self) {
        if let Some(mail) = &mut self.mail {
            mail.write_notes().await;
        }
    }
}
