//! Logs the client in, or refuses the login.

use std::time::Duration;

use ipc::login::{Attempt, Refused};
use ipc::{Listing, Secret};
use logging::{Untrusted, step};
use pop3::{AuthRequest, Credentials, LoginName, SaslResponse, Shutdown};
use tokio::time::Instant;
use vocabulary::LoginFailure;

use super::handler::ConnectionHandler;
use super::listing::MailListing;
use crate::login::{LoginClient, LoginOutcome};
use crate::maildrop::OpenMail;

impl ConnectionHandler {
    /// Asks whether there is such a user, if unknown users are refused before the password.
    pub(super) async fn check_name(&mut self, user: &LoginName) -> Result<(), Shutdown> {
        self.stream.send(&mut self.out).await?;
        let attempt = Attempt::Name { user: user.as_str().as_bytes().to_vec() };
        match self.shared.logins.ask(attempt, self.client()).await {
            LoginOutcome::Known => self.dialogue.user_known(&mut self.out),
            LoginOutcome::Refused(refused) => self.refuse_after_delay(&refused).await?,
            LoginOutcome::MaildropUnavailable { .. }
            | LoginOutcome::Opened(..)
            | LoginOutcome::Challenge(..) => {
                return Err(Shutdown::ServerError);
            }
        }
        Ok(())
    }

    /// Logs in with a user name and a password.
    pub(super) async fn log_in(&mut self, credentials: Credentials) -> Result<(), Shutdown> {
        // Earlier replies must not wait for a slow password check.
        self.stream.send(&mut self.out).await?;
        let claimed = credentials.user.as_str();
        // The rest of an earlier failure's delay: reconnecting does not shorten it.
        let now = Instant::now().into_std();
        let wait = self.shared.penalties().wait(self.origin.peer, claimed.as_bytes(), now);
        self.delay(wait).await?;
        let attempt = Attempt::Password {
            user: claimed.as_bytes().to_vec(),
            password: Secret::new(credentials.password.expose().to_vec()),
        };
        let outcome = self.ask(attempt).await;
        self.handle_outcome(outcome, "PASS").await?;
        if let Some(mail) = &mut self.mail {
            match self.shared.settings.passsecret {
                true => mail.notes().command("PASS ******"),
                false => {
                    mail.notes().command(format_args!("PASS {}", Untrusted(credentials.password.expose())));
                }
            }
        }
        Ok(())
    }

    /// Starts a SASL exchange.
    pub(super) async fn begin_exchange(&mut self, request: AuthRequest) -> Result<(), Shutdown> {
        self.stream.send(&mut self.out).await?;
        // The user is not known yet, only the address counts.
        let wait = self.shared.penalties().wait(self.origin.peer, b"", Instant::now().into_std());
        self.delay(wait).await?;
        let attempt = Attempt::Sasl {
            mechanism: request.mechanism.to_owned(),
            initial: request.initial.map(|initial| Secret::new(initial.expose().to_vec())),
            binding: self.stream.channel_binding(),
            certificate: self.stream.certified_user().map(String::into_bytes),
        };
        let outcome = self.ask(attempt).await;
        self.handle_outcome(outcome, request.mechanism).await
    }

    /// Continues a SASL exchange with the client's response to a challenge.
    pub(super) async fn continue_exchange(&mut self, response: &SaslResponse) -> Result<(), Shutdown> {
        let Some((mechanism, exchange)) = self.exchange.take() else { return Err(Shutdown::ServerError) };
        let response = Secret::new(response.expose().to_vec());
        let began = Instant::now();
        step!(self.session, "session", "auth-response", "login asked");
        let outcome = self.shared.logins.respond(exchange, response).await;
        self.record_duration("auth-response", &outcome, began.elapsed());
        self.handle_outcome(outcome, mechanism).await
    }

    /// Has auth decide on a login.
    async fn ask(&self, attempt: Attempt) -> LoginOutcome {
        let began = Instant::now();
        step!(self.session, "session", "login", "login asked");
        let outcome = self.shared.logins.ask(attempt, self.client()).await;
        self.record_duration("login", &outcome, began.elapsed());
        outcome
    }

    fn record_duration(&self, step: &'static str, outcome: &LoginOutcome, took: Duration) {
        self.shared.counters.login_time.observe(took);
        let us = logging::micros(took);
        step!(self.session, "session", step, "login answered", answer = outcome.word(), us);
    }

    /// What auth needs to know about the client.
    fn client(&self) -> LoginClient {
        LoginClient { peer: self.origin.peer, session: self.session, utf8: self.dialogue.utf8() }
    }

    async fn handle_outcome(&mut self, outcome: LoginOutcome, method: &'static str) -> Result<(), Shutdown> {
        match outcome {
            LoginOutcome::Opened(mail, listing) => self.start_session(mail, listing, method),
            LoginOutcome::Refused(refused) => self.refuse_after_delay(&refused).await?,
            LoginOutcome::MaildropUnavailable { user, why } => self.refuse(user.as_bytes(), why),
            LoginOutcome::Challenge(challenge, exchange) => {
                self.exchange = Some((method, exchange));
                self.dialogue.auth_challenge(&challenge, &mut self.out);
            }
            LoginOutcome::Known => return Err(Shutdown::ServerError),
        }
        Ok(())
    }

    /// The maildrop is open: starts the session, unless the user has too many.
    fn start_session(&mut self, mut mail: OpenMail, listing: Listing, method: &str) {
        let user = mail.user().to_owned();
        self.shared.penalties().succeeded(self.origin.peer, user.as_bytes());
        let Some(slot) = self.shared.user_quota.take(user.clone()) else {
            return self.refuse(user.as_bytes(), LoginFailure::Limit);
        };
        let Some(name) = LoginName::parse(user.as_bytes()) else {
            return self.refuse(user.as_bytes(), LoginFailure::Temporary);
        };
        mail.attach(&self.record.stop);
        mail.notes().opened();
        if method != "PASS" {
            mail.notes().command(format_args!("AUTH {method}"));
        }
        tracing::info!(
            user = %Untrusted(user.as_bytes()),
            ip = %self.origin.peer,
            tls = self.tls_version(),
            method,
            cipher = self.stream.cipher(),
            session = %format_args!("{:x}", self.session),
            "login ok"
        );
        self.record.logged_in(&user, listing.count());
        self.shared.connections.logged_in(self.session);
        self.user = Some((user, slot));
        self.mail = Some(mail);
        self.dialogue.logged_in(name, MailListing(listing), &mut self.out);
    }

    /// Refuses a login that auth rejected. If the client may be guessing passwords, the reply is delayed,
    /// which delays no other connection.
    async fn refuse_after_delay(&mut self, refused: &Refused) -> Result<(), Shutdown> {
        let Refused { why, user } = refused;
        self.record_failure(user, *why);
        if may_be_guessing(*why) {
            let now = Instant::now().into_std();
            let delay = self.shared.penalties().failed(self.origin.peer, user, now);
            self.delay(delay).await?;
        }
        self.dialogue.login_refused(*why, &mut self.out);
        Ok(())
    }

    /// Refuses a login at once: the client has proved who it is, but cannot have a session.
    fn refuse(&mut self, user: &[u8], reason: LoginFailure) {
        self.record_failure(user, reason);
        self.dialogue.login_refused(reason, &mut self.out);
    }

    /// Counts and logs a failed login.
    pub(super) fn record_failure(&self, user: &[u8], reason: LoginFailure) {
        self.shared.counters.failed(reason).add(1);
        tracing::warn!(
            user = %Untrusted(user),
            ip = %self.origin.peer,
            reason = reason.word(),
            session = %format_args!("{:x}", self.session),
            "login failed"
        );
    }

    /// Waits, but not longer than the client has time to log in.
    async fn delay(&mut self, delay: Duration) -> Result<(), Shutdown> {
        if delay.is_zero() {
            return Ok(());
        }
        let until = (Instant::now() + delay).min(self.login_until);
        tokio::select! {
            why = self.record.stop.stopped() => Err(why),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }
}

/// Whether the failure may come from a client that guesses passwords: its reply is delayed.
fn may_be_guessing(why: LoginFailure) -> bool {
    match why {
        LoginFailure::Password | LoginFailure::UnknownUser | LoginFailure::Disabled => true,
        LoginFailure::DeniedHost
        | LoginFailure::ReverseLookup
        | LoginFailure::Plaintext
        | LoginFailure::Limit
        | LoginFailure::InUse
        | LoginFailure::LoginDelay
        | LoginFailure::Maildrop
        | LoginFailure::Temporary => false,
    }
}
