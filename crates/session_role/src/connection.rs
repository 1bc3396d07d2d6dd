//! One connection, from the greeting to the log line at its end: drives the dialogue, and carries
//! out the effects that it asks for.

mod forward;
mod listing;

use std::sync::Arc;
use std::time::Duration;

use ipc::login::{Attempt, Refused};
use ipc::mail::{NotFetched, Outcome};
use ipc::{Numbers, Secret};
use pop3::MessageListing as _;
use pop3::{
    AuthRequest, CloseReason, Commit, Credentials, Dialogue, EncodeProgress, FetchRequest, LoginName,
    Mechanisms, MessageError, MessageNumber, SaslResponse, SessionPhase, Shutdown, Step, Tls,
};
use tokio::net::TcpStream;
use tokio::time::Instant;
use vocabulary::LoginFailure;

use listing::MailListing;

use crate::desk::{Client, Exchange, Verdict};
use crate::mail::{NoBody, OpenMail};
use crate::origin::Origin;
use crate::seats::Seat;
use crate::stream::Stream;
use crate::transport::Transport;
use crate::visits::Visit;
use crate::{House, Security, bodies, buffers};
use logging::Untrusted;

pub(crate) struct Connection {
    house: Arc<House>,
    stream: Stream,
    security: Security,
    visit: Arc<Visit>,
    origin: Origin,
    session: u64,
    dialogue: Dialogue<MailListing>,
    out: Vec<u8>,
    /// A SASL exchange under way: its mechanism, and the rest of it.
    exchange: Option<(&'static str, Exchange)>,
    /// From login to QUIT.
    mail: Option<OpenMail>,
    /// From login on: the user's name, and the place among the sessions that the user may have.
    user: Option<(String, Seat<String>)>,
    /// Until when the client must have logged in.
    login_until: Instant,
}

impl Connection {
    pub(crate) fn new(
        house: Arc<House>,
        socket: TcpStream,
        security: Security,
        visit: Arc<Visit>,
        origin: Origin,
    ) -> Connection {
        let limits = &house.limits;
        let session = visit.session;
        let tls = origin.security(limits, security == Security::Tls);
        let dialogue = Dialogue::new(limits.policy.clone(), tls, house.offers.before_tls(tls));
        if let Some(version) = origin.tls {
            visit.encrypted(version.as_str());
        }
        Connection {
            stream: Stream::new(Transport::new(socket), visit.clone(), limits.timeout),
            security,
            dialogue: dialogue.trusted_proxy(origin.believed),
            exchange: None,
            login_until: Instant::now() + limits.login_timeout,
            out: Vec::new(),
            mail: None,
            user: None,
            house,
            visit,
            origin,
            session,
        }
    }

    /// Serves the client until the connection is over.
    pub(crate) async fn serve(mut self) {
        let reason = match self.converse().await {
            Ok(reason) => {
                if self.stream.send(&mut self.out).await.is_err() {
                    tracing::debug!("last reply not taken session={:x}", self.session);
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
        // After QUIT it was said already.
        if let Some(mail) = &mut self.mail {
            mail.notes().closed(reason.as_str());
        }
    }

    /// Takes command after command. Returns when the dialogue is over.
    ///
    /// # Errors
    ///
    /// Why it is broken off.
    async fn converse(&mut self) -> Result<CloseReason, Shutdown> {
        if self.security == Security::Tls {
            self.start_tls().await?;
            // What is offered depends on what the handshake agreed on.
            let policy = self.house.limits.policy.clone();
            self.dialogue =
                Dialogue::new(policy, Tls::Active, self.mechanisms()).trusted_proxy(self.origin.believed);
        }
        self.out = buffers::output();
        self.dialogue.greet(&self.house.limits.greeting, &mut self.out);
        let mut idle_since = Instant::now();
        loop {
            let mut rest = self.stream.input();
            let step = self.dialogue.step(&mut rest, &mut self.out);
            let left = rest.len();
            self.stream.take_all_but(left);
            self.note_command();
            match step {
                Step::NeedInput => {
                    self.stream.send(&mut self.out).await?;
                    self.hand_over_notes().await;
                    buffers::give_back_output(&mut self.out);
                    self.stream.fill(self.patience_ends(idle_since)).await?;
                    self.out = buffers::output();
                    continue;
                }
                Step::Replied => {}
                Step::Waiting => return Err(Shutdown::ServerError),
                Step::LookUpUser(user) => self.name(&user).await?,
                Step::Login(credentials) => self.login(credentials).await?,
                Step::Auth(request) => self.begin_exchange(request).await?,
                Step::AuthResponse(response) => self.go_on(&response).await?,
                Step::AuthCancelled => self.exchange = None,
                Step::StartTls => {
                    self.stream.send(&mut self.out).await?;
                    self.start_tls().await?;
                    self.dialogue.tls_started(self.mechanisms());
                }
                Step::Forward(forwarded) => self.forward(&forwarded)?,
                Step::Fetch(request) => self.send(request).await?,
                Step::Finish(deletions) => self.finish(&deletions).await,
                Step::Close(reason) => return Ok(reason),
            }
            // A client that always has another command ready must be told too.
            if let (Some(why), true) =
                (self.visit.ending.why(), self.dialogue.phase() != SessionPhase::Closed)
            {
                return Err(why);
            }
            if self.mail.as_mut().is_some_and(|mail| mail.notes().are_enough()) {
                self.hand_over_notes().await;
            }
            idle_since = Instant::now();
            if self.out.len() >= buffers::CHUNK {
                self.stream.send(&mut self.out).await?;
            }
        }
    }

    async fn start_tls(&mut self) -> Result<(), Shutdown> {
        let Some(tls) = self.house.limits.tls.clone() else { return Err(Shutdown::ServerError) };
        self.stream.start_tls(tls, &self.house.handshakes, self.login_until).await
    }

    /// The SASL mechanisms that can be used under TLS as it was agreed on.
    fn mechanisms(&self) -> Mechanisms {
        let certified = self.stream.certified_user().is_some();
        self.house.offers.encrypted(self.stream.channel_binding().is_some(), certified)
    }

    /// The user's name for the log; empty before a login.
    fn user_name(&self) -> &str {
        self.user.as_ref().map(|(name, _)| name.as_str()).unwrap_or_default()
    }

    /// Until when the client must say something that makes a command.
    fn patience_ends(&self, idle_since: Instant) -> Instant {
        let idle = idle_since + self.house.limits.timeout;
        match self.dialogue.phase() {
            SessionPhase::Authorization | SessionPhase::Authenticating => idle.min(self.login_until),
            SessionPhase::Transaction | SessionPhase::Update | SessionPhase::Closed => idle,
        }
    }

    /// What a login needs to say of the client.
    fn client(&self) -> Client {
        Client { peer: self.origin.peer, utf8: self.dialogue.utf8() }
    }

    /// Whether there is such a user, where that is told before the password is asked for.
    async fn name(&mut self, user: &LoginName) -> Result<(), Shutdown> {
        self.stream.send(&mut self.out).await?;
        let attempt = Attempt::Name { user: user.as_str().as_bytes().to_vec() };
        match self.house.desk.ask(attempt, self.client()).await {
            Verdict::Known => self.dialogue.user_known(&mut self.out),
            Verdict::Refused(refused) => self.refuse(&refused).await?,
            Verdict::NotOpened { .. } | Verdict::Opened(_) | Verdict::Challenge(..) => {
                return Err(Shutdown::ServerError);
            }
        }
        Ok(())
    }

    async fn login(&mut self, credentials: Credentials) -> Result<(), Shutdown> {
        // What was answered so far must not wait for a slow password check.
        self.stream.send(&mut self.out).await?;
        let claimed = credentials.user.as_str();
        // What is left of an earlier failure's delay: hanging up and coming again shortens nothing.
        let now = Instant::now().into_std();
        let wait = self.house.penalties().wait(self.origin.peer, claimed.as_bytes(), now);
        self.hold(wait).await?;
        let attempt = Attempt::Password {
            user: claimed.as_bytes().to_vec(),
            password: Secret::new(credentials.password.expose().to_vec()),
        };
        let verdict = self.ask(attempt).await;
        self.carry_out(verdict, "PASS").await?;
        if let Some(mail) = &mut self.mail {
            match self.house.limits.passsecret {
                true => mail.notes().command("PASS ******"),
                false => {
                    mail.notes().command(format_args!("PASS {}", Untrusted(credentials.password.expose())));
                }
            }
        }
        Ok(())
    }

    async fn begin_exchange(&mut self, request: AuthRequest) -> Result<(), Shutdown> {
        self.stream.send(&mut self.out).await?;
        // Whom the client wants to be is not known yet: what counts is where it comes from.
        let wait = self.house.penalties().wait(self.origin.peer, b"", Instant::now().into_std());
        self.hold(wait).await?;
        let attempt = Attempt::Sasl {
            mechanism: request.mechanism.to_owned(),
            initial: request.initial.map(|initial| Secret::new(initial.expose().to_vec())),
            binding: self.stream.channel_binding(),
            certificate: self.stream.certified_user().map(String::into_bytes),
        };
        let verdict = self.ask(attempt).await;
        self.carry_out(verdict, request.mechanism).await
    }

    /// The client has answered a challenge.
    async fn go_on(&mut self, response: &SaslResponse) -> Result<(), Shutdown> {
        let Some((mechanism, exchange)) = self.exchange.take() else { return Err(Shutdown::ServerError) };
        let response = Secret::new(response.expose().to_vec());
        let began = Instant::now();
        let verdict = self.house.desk.respond(exchange, response).await;
        self.house.counters.login_time.observe(began.elapsed());
        self.carry_out(verdict, mechanism).await
    }

    /// Has a login decided.
    async fn ask(&self, attempt: Attempt) -> Verdict {
        let began = Instant::now();
        let verdict = self.house.desk.ask(attempt, self.client()).await;
        self.house.counters.login_time.observe(began.elapsed());
        verdict
    }

    async fn carry_out(&mut self, verdict: Verdict, method: &'static str) -> Result<(), Shutdown> {
        match verdict {
            Verdict::Opened(mail) => self.enter(mail, method),
            Verdict::Refused(refused) => self.refuse(&refused).await?,
            Verdict::NotOpened { user, why } => self.turn_away(user.as_bytes(), why),
            Verdict::Challenge(challenge, exchange) => {
                self.exchange = Some((method, exchange));
                self.dialogue.auth_challenge(&challenge, &mut self.out);
            }
            Verdict::Known => return Err(Shutdown::ServerError),
        }
        Ok(())
    }

    /// The maildrop is open: the session begins, unless the user has too many.
    fn enter(&mut self, mut mail: OpenMail, method: &str) {
        let user = mail.user().to_owned();
        self.house.penalties().succeeded(self.origin.peer, user.as_bytes());
        let Some(seat) = self.house.user_seats.take(user.clone()) else {
            return self.turn_away(user.as_bytes(), LoginFailure::Limit);
        };
        let (Some(listing), Some(name)) = (mail.take_listing(), LoginName::parse(user.as_bytes())) else {
            return self.turn_away(user.as_bytes(), LoginFailure::Temporary);
        };
        mail.attach(&self.visit.ending);
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
        self.visit.logged_in(&user, listing.count());
        self.house.visits.logged_in(self.session);
        self.user = Some((user, seat));
        self.mail = Some(mail);
        self.dialogue.logged_in(name, MailListing(listing), &mut self.out);
    }

    /// Auth said no. Who may be guessing waits for the answer, and holds up nobody but itself.
    async fn refuse(&mut self, refused: &Refused) -> Result<(), Shutdown> {
        let Refused { why, user } = refused;
        self.note_failure(user, *why);
        if may_be_guessing(*why) {
            let now = Instant::now().into_std();
            let delay = self.house.penalties().failed(self.origin.peer, user, now);
            self.hold(delay).await?;
        }
        self.dialogue.login_refused(*why, &mut self.out);
        Ok(())
    }

    /// The user is who they say, but there will be no session.
    fn turn_away(&mut self, user: &[u8], reason: LoginFailure) {
        self.note_failure(user, reason);
        self.dialogue.login_refused(reason, &mut self.out);
    }

    /// Waits, within the time that the client has to log in.
    async fn hold(&mut self, delay: Duration) -> Result<(), Shutdown> {
        if delay.is_zero() {
            return Ok(());
        }
        let until = (Instant::now() + delay).min(self.login_until);
        tokio::select! {
            why = self.visit.ending.told() => Err(why),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }

    /// Takes note of the command that was just taken.
    fn note_command(&mut self) {
        let Some(record) = self.dialogue.take_record() else { return };
        self.house.counters.commands.add(record.verb);
        if let Some(mail) = &mut self.mail {
            mail.notes().command(record);
        }
        // A login that was refused before there was a password to check counts for the log all the same.
        if record.refused == Some(pop3::CommandError::Plaintext) {
            let user = self.dialogue.user().map(LoginName::as_str).unwrap_or_default();
            self.note_failure(user.as_bytes(), LoginFailure::Plaintext);
        }
    }

    /// Has what was noted for the user's own log written.
    async fn hand_over_notes(&mut self) {
        if let Some(mail) = &mut self.mail {
            mail.hand_over_notes().await;
        }
    }

    fn note_failure(&self, user: &[u8], reason: LoginFailure) {
        self.house.counters.failed(reason).add(1);
        tracing::warn!(
            user = %Untrusted(user),
            ip = %self.origin.peer,
            reason = reason.word(),
            session = %format_args!("{:x}", self.session),
            "login failed"
        );
    }

    /// Sends a message, or as much of it as TOP wants.
    async fn send(&mut self, request: FetchRequest) -> Result<(), Shutdown> {
        let Some(mail) = self.mail.as_mut() else { return Err(Shutdown::ServerError) };
        let began = Instant::now();
        let body = match mail.body(request.message.get()).await {
            Ok(body) => body,
            Err(NoBody::Lost) => return Err(Shutdown::ServerError),
            Err(NoBody::NotFetched(why)) => {
                let fault = match why {
                    NotFetched::Vanished => MessageError::Gone,
                    NotFetched::Temporary => MessageError::Temporary,
                };
                self.dialogue.message_failed(fault, &mut self.out);
                return Ok(());
            }
        };
        let Some(mut encoder) = self.dialogue.begin_message(&mut self.out) else {
            return Err(Shutdown::ServerError);
        };
        encoder.encode(&body.prefix, &mut self.out);
        let mut at = 0;
        while at < body.length {
            let (chunk, got) = bodies::read(&body, at, buffers::chunk()).await;
            let octets = match got {
                Ok(octets) => octets,
                Err(error) => {
                    // The client must not take half a message for a whole one: no terminator.
                    tracing::error!(
                        "message {} of user={} breaks off after {at} of {} octets: {error}",
                        request.message,
                        Untrusted(self.user_name().as_bytes()),
                        body.length,
                    );
                    return Err(Shutdown::ServerError);
                }
            };
            let progress = encoder.encode(chunk.get(..octets).unwrap_or_default(), &mut self.out);
            buffers::give_back_chunk(chunk);
            at += octets as u64;
            if progress == EncodeProgress::Enough {
                break;
            }
            if self.out.len() >= buffers::CHUNK {
                self.stream.send(&mut self.out).await?;
            }
        }
        let sent = self.dialogue.end_message(encoder, &mut self.out);
        match (&mut self.mail, request.lines) {
            (Some(mail), None) => {
                mail.notes().retrieved(sent);
                mail.was_read(request.message.get());
                self.house.counters.messages_retrieved.add(1);
                self.house.counters.retr_time.observe(began.elapsed());
            }
            _ => self.house.counters.messages_topped.add(1),
        }
        if request.lines.is_none()
            && self.dialogue.listing().map(|listing| listing.octets(request.message)) != Some(sent)
        {
            tracing::warn!(
                "message {} of user={} was changed by another program: {sent} octets sent",
                request.message,
                Untrusted(self.user_name().as_bytes()),
            );
        }
        Ok(())
    }

    /// Carries out QUIT. Nothing breaks this off: the client said it, and the maildrop decides.
    async fn finish(&mut self, marked: &pop3::Deletions) {
        self.visit.finishing();
        let began = Instant::now();
        let numbers: Vec<u32> = marked.iter().map(MessageNumber::get).collect();
        let wanted = marked.len();
        let commit = match (self.mail.take(), Numbers::new(numbers)) {
            (Some(mut mail), Ok(deleted)) => {
                mail.notes().closed(CloseReason::Quit.as_str());
                match mail.finish(deleted).await {
                    Ok(Outcome::Removed) => Commit::Done,
                    Ok(Outcome::Remaining(left)) => Commit::Partial { removed: wanted.saturating_sub(left) },
                    Ok(Outcome::Changed) | Err(_) => Commit::Failed,
                }
            }
            _ => Commit::Failed,
        };
        self.dialogue.finished(commit, &mut self.out);
        self.house.counters.messages_removed.add(u64::from(self.dialogue.tally().removed));
        self.house.counters.quit_time.observe(began.elapsed());
    }
}

/// Whether the failure may come from a client that guesses: its reply is delayed.
fn may_be_guessing(why: LoginFailure) -> bool {
    matches!(why, LoginFailure::Password | LoginFailure::UnknownUser | LoginFailure::Disabled)
}
