//! Serves one client: reads commands, and does what the dialogue asks for.

use logging::{StepTimer, Untrusted, step};
use pop3::{CloseReason, CommandRecord, Dialogue, LoginName, SessionPhase, Shutdown, Step, Tls};
use tokio::time::Instant;
use vocabulary::LoginFailure;

use super::handler::ConnectionHandler;
use crate::accept::Security;
use crate::stream::buffers;

impl ConnectionHandler {
    /// Serves the client until the connection ends.
    pub(crate) async fn serve(mut self) {
        let reason = match self.converse().await {
            Ok(reason) => {
                if self.stream.send(&mut self.out).await.is_err() {
                    step!(self.session, "session", "close", "last reply not accepted");
                }
                self.stream.send_last(b"");
                reason
            }
            Err(why) => {
                self.dialogue.shut_down(why, &mut self.out);
                self.stream.send_last(&self.out);
                CloseReason::ShutDown(why)
            }
        };
        if let Some((user, _)) = &self.user {
            let tally = self.dialogue.tally();
            tracing::info!(
                user = %Untrusted(user.as_bytes()),
                ip = %self.origin.peer,
                reason = reason.as_str(),
                top = %format_args!("{}/{}", tally.top, tally.top_octets),
                retr = %format_args!("{}/{}", tally.retr, tally.retr_octets),
                del = %format_args!("{}/{}", tally.removed, tally.messages),
                size = tally.octets,
                session = %format_args!("{:x}", self.session),
                "logout"
            );
        }
        // After QUIT there is none: the notes were written with it.
        if let Some(mail) = &mut self.mail {
            mail.notes().closed(reason.as_str());
        }
        step!(self.session, "session", "close", "closed", reason = reason.as_str());
    }

    /// Handles command after command, until the dialogue is over.
    ///
    /// # Errors
    ///
    /// Why the connection must end before that.
    async fn converse(&mut self) -> Result<CloseReason, Shutdown> {
        if self.security == Security::Tls {
            self.start_tls().await?;
            // Which mechanisms are offered depends on the result of the handshake.
            let policy = self.shared.settings.policy.clone();
            self.dialogue = Dialogue::new(policy, Tls::Active, self.mechanisms())
                .trusted_proxy(self.origin.trusted_proxy);
        }
        self.out = buffers::output();
        self.dialogue.greet(&self.shared.settings.greeting, &mut self.out);
        let mut idle_since = Instant::now();
        loop {
            let timer = StepTimer::start();
            let mut rest = self.stream.input();
            let step = self.dialogue.step(&mut rest, &mut self.out);
            let left = rest.len();
            self.stream.take_all_but(left);
            let command = self.record_command();
            if matches!(step, Step::NeedInput) {
                self.stream.send(&mut self.out).await?;
                self.write_notes().await;
                buffers::give_back_output(&mut self.out);
                self.stream.fill(self.idle_until(idle_since)).await?;
                self.out = buffers::output();
                continue;
            }
            let name = name_of(&step);
            let done = self.carry_out(step).await;
            self.log_step(command, name, &timer);
            if let Some(reason) = done? {
                return Ok(reason);
            }
            // Even a client that always has another command ready must learn that the connection ends.
            if let (Some(why), true) =
                (self.record.stop.reason(), self.dialogue.phase() != SessionPhase::Closed)
            {
                return Err(why);
            }
            if self.mail.as_mut().is_some_and(|mail| mail.notes().are_enough()) {
                self.write_notes().await;
            }
            idle_since = Instant::now();
            if self.out.len() >= buffers::CHUNK {
                self.stream.send(&mut self.out).await?;
            }
        }
    }

    /// Does what the dialogue asks for. Returns a reason when the dialogue is over.
    ///
    /// # Errors
    ///
    /// Why the connection must end.
    async fn carry_out(&mut self, step: Step) -> Result<Option<CloseReason>, Shutdown> {
        match step {
            Step::NeedInput | Step::Replied => {}
            Step::Waiting => return Err(Shutdown::ServerError),
            Step::LookUpUser(user) => self.check_name(&user).await?,
            Step::Login(credentials) => self.log_in(credentials).await?,
            Step::Auth(request) => self.begin_exchange(request).await?,
            Step::AuthResponse(response) => self.continue_exchange(&response).await?,
            Step::AuthCancelled => self.exchange = None,
            Step::StartTls => {
                self.stream.send(&mut self.out).await?;
                self.start_tls().await?;
                self.dialogue.tls_started(self.mechanisms());
            }
            Step::Forward(forwarded) => self.forward(&forwarded)?,
            Step::Fetch(request) => self.send_message(request).await?,
            Step::Finish(deletions) => self.finish(&deletions).await,
            Step::Close(reason) => return Ok(Some(reason)),
        }
        Ok(None)
    }

    /// When the client's time for the next command is over.
    fn idle_until(&self, idle_since: Instant) -> Instant {
        let idle = idle_since + self.shared.settings.timeout;
        match self.dialogue.phase() {
            SessionPhase::Authorization | SessionPhase::Authenticating => idle.min(self.login_until),
            SessionPhase::Transaction | SessionPhase::Update | SessionPhase::Closed => idle,
        }
    }

    /// Counts the command that was just read, and notes it for the user's own log. Returns it.
    fn record_command(&mut self) -> Option<CommandRecord> {
        let command = self.dialogue.take_record()?;
        self.shared.counters.commands.add(command.verb);
        if let Some(mail) = &mut self.mail {
            mail.notes().command(command);
        }
        // A login that was refused before the client sent a password counts as failed, too.
        if command.refused == Some(pop3::CommandError::Plaintext) {
            let user = self.dialogue.user().map(LoginName::as_str).unwrap_or_default();
            self.record_failure(user.as_bytes(), LoginFailure::Plaintext);
        }
        Some(command)
    }

    /// Logs a command, or the response of a SASL exchange, with the step that it led to. Secrets are in
    /// neither.
    fn log_step(&self, command: Option<CommandRecord>, step: &'static str, timer: &StepTimer) {
        match command {
            Some(command) => step!(self.session, "session", step, "command {command}", us = timer.micros()),
            None if step == AUTH_RESPONSE => {
                step!(self.session, "session", step, "SASL response", us = timer.micros());
            }
            None => {}
        }
    }
}

const AUTH_RESPONSE: &str = "auth-response";

/// The name of a step in the log.
fn name_of(step: &Step) -> &'static str {
    match step {
        Step::NeedInput => "need-input",
        Step::Replied => "replied",
        Step::Waiting => "waiting",
        Step::LookUpUser(_) => "look-up-user",
        Step::Login(_) => "login",
        Step::Auth(_) => "auth",
        Step::AuthResponse(_) => AUTH_RESPONSE,
        Step::AuthCancelled => "auth-cancelled",
        Step::StartTls => "starttls",
        Step::Forward(_) => "forward",
        Step::Fetch(_) => "fetch",
        Step::Finish(_) => "finish",
        Step::Close(_) => "close",
    }
}
