//! One connection, from the greeting to the log line at its end: drives the dialogue, and carries
//! out the effects that it asks for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use config::AllowPlaintext;
use ipc::login::Why;
use ipc::mail::{NotFetched, NotOpened, Outcome};
use ipc::{Deletions, Listing};
use pop3::Listing as _;
use pop3::{
    CloseReason, Commit, Credentials, Dialogue, LoginRefusal, MessageFault, MessageNumber, Phase, Plaintext,
    Progress, Request, Shutdown, Step, Tls, UserName,
};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::desk::Verdict;
use super::ending::Ending;
use super::mail::{NoBody, OpenMail};
use super::stream::Stream;
use super::transport::Transport;
use super::{House, Security, bodies, buffers};
use crate::log::Untrusted;

pub(super) struct Connection {
    house: Arc<House>,
    stream: Stream,
    security: Security,
    ending: Arc<Ending>,
    peer: IpAddr,
    session: u64,
    dialogue: Dialogue<MailListing>,
    out: Vec<u8>,
    /// From login on: the maildrop, and what the log calls its user.
    mail: Option<OpenMail>,
    user: Option<String>,
    /// Until when the client must have logged in.
    login_until: Instant,
}

impl Connection {
    pub(super) fn new(
        house: Arc<House>,
        socket: TcpStream,
        security: Security,
        peer: SocketAddr,
        session: u64,
        ending: Arc<Ending>,
    ) -> Connection {
        let limits = &house.limits;
        let peer = peer.ip().to_canonical();
        let plaintext = match limits.allow_plaintext {
            _ if security == Security::Tls => Plaintext::Allowed,
            AllowPlaintext::Always => Plaintext::Allowed,
            AllowPlaintext::Loopback if peer.is_loopback() => Plaintext::Allowed,
            AllowPlaintext::Loopback | AllowPlaintext::Never => Plaintext::Forbidden,
        };
        Connection {
            stream: Stream::new(Transport::new(socket), ending.clone(), limits.timeout),
            security,
            dialogue: Dialogue::new(limits.policy.clone(), Tls::Unavailable(plaintext), Arc::new([])),
            login_until: Instant::now() + limits.login_timeout,
            out: Vec::new(),
            mail: None,
            user: None,
            house,
            ending,
            peer,
            session,
        }
    }

    /// Serves the client until the connection is over.
    pub(super) async fn serve(mut self) {
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
        if let Some(user) = &self.user {
            tracing::info!(
                "logout user={} ip={} reason={} {} session={:x}",
                Untrusted(user.as_bytes()),
                self.peer,
                reason.as_str(),
                self.dialogue.tally(),
                self.session,
            );
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
        }
        self.out = buffers::output();
        self.dialogue.greet(&self.house.limits.greeting, &mut self.out);
        let mut idle_since = Instant::now();
        loop {
            let mut rest = self.stream.input();
            let step = self.dialogue.step(&mut rest, &mut self.out);
            let left = rest.len();
            self.stream.take_all_but(left);
            match step {
                Step::NeedInput => {
                    self.stream.send(&mut self.out).await?;
                    buffers::give_back_output(&mut self.out);
                    self.stream.fill(self.patience_ends(idle_since)).await?;
                    self.out = buffers::output();
                    continue;
                }
                Step::Replied => self.note_plaintext(),
                Step::Waiting => return Err(Shutdown::Fault),
                Step::Login(credentials) => self.login(credentials).await?,
                // Neither STLS nor a mechanism is offered yet.
                Step::StartTls | Step::Auth(_) | Step::AuthResponse(_) | Step::AuthCancelled => {
                    return Err(Shutdown::Fault);
                }
                Step::Send(request) => self.send(request).await?,
                Step::Finish(deletions) => self.finish(&deletions).await,
                Step::Close(reason) => return Ok(reason),
            }
            idle_since = Instant::now();
            if self.out.len() >= buffers::CHUNK {
                self.stream.send(&mut self.out).await?;
            }
        }
    }

    async fn start_tls(&mut self) -> Result<(), Shutdown> {
        let Some(tls) = self.house.limits.tls.clone() else { return Err(Shutdown::Fault) };
        self.stream.start_tls(tls, self.login_until).await
    }

    /// Until when the client must say something that makes a command.
    fn patience_ends(&self, idle_since: Instant) -> Instant {
        let idle = idle_since + self.house.limits.timeout;
        match self.dialogue.phase() {
            Phase::Authorization | Phase::Authenticating => idle.min(self.login_until),
            Phase::Transaction | Phase::Update | Phase::Closed => idle,
        }
    }

    async fn login(&mut self, credentials: Credentials) -> Result<(), Shutdown> {
        // What was answered so far must not wait for a slow password check.
        self.stream.send(&mut self.out).await?;
        let claimed = credentials.user.as_str();
        let password = credentials.password.expose();
        match self.house.desk.login(claimed, password, self.peer, self.stream.is_tls()).await {
            Verdict::Opened(mut mail) => match (mail.take_listing(), UserName::parse(mail.user().as_bytes()))
            {
                (Some(listing), Some(user)) => {
                    mail.attach(&self.ending);
                    tracing::info!(
                        "login ok user={} ip={} tls={} method=PASS session={:x}",
                        Untrusted(mail.user().as_bytes()),
                        self.peer,
                        self.stream.tls_version(),
                        self.session,
                    );
                    self.user = Some(mail.user().to_owned());
                    self.mail = Some(mail);
                    self.dialogue.logged_in(user, MailListing(listing), &mut self.out);
                }
                _ => self.refuse(claimed, "temporary", LoginRefusal::Temporary),
            },
            Verdict::Refused(why) => self.refuse(claimed, why.word(), told_of(why)),
            Verdict::NotOpened { user, why } => {
                let (reason, told) = match why {
                    NotOpened::InUse => ("in-use", LoginRefusal::InUse),
                    NotOpened::Unusable => ("maildrop", LoginRefusal::Permanent),
                    NotOpened::Temporary => ("temporary", LoginRefusal::Temporary),
                };
                self.refuse(&user, reason, told);
            }
        }
        Ok(())
    }

    /// A login that was refused before there was a password to check counts for the log all the same.
    fn note_plaintext(&mut self) {
        let refused = self.dialogue.take_record().and_then(|record| record.refused);
        if refused == Some(pop3::Refusal::Plaintext) {
            let user = self.dialogue.user().map(|user| user.as_str()).unwrap_or_default();
            tracing::warn!(
                "login failed user={} ip={} reason=plaintext session={:x}",
                Untrusted(user.as_bytes()),
                self.peer,
                self.session,
            );
        }
    }

    fn refuse(&mut self, user: &str, reason: &str, told: LoginRefusal) {
        tracing::warn!(
            "login failed user={} ip={} reason={reason} session={:x}",
            Untrusted(user.as_bytes()),
            self.peer,
            self.session,
        );
        self.dialogue.login_refused(told, &mut self.out);
    }

    /// Sends a message, or as much of it as TOP wants.
    async fn send(&mut self, request: Request) -> Result<(), Shutdown> {
        let Some(mail) = self.mail.as_mut() else { return Err(Shutdown::Fault) };
        let body = match mail.body(request.message.get()).await {
            Ok(body) => body,
            Err(NoBody::Lost) => return Err(Shutdown::Fault),
            Err(NoBody::NotFetched(why)) => {
                let fault = match why {
                    NotFetched::Vanished => MessageFault::Gone,
                    NotFetched::Temporary => MessageFault::Temporary,
                };
                self.dialogue.message_failed(fault, &mut self.out);
                return Ok(());
            }
        };
        let Some(mut encoder) = self.dialogue.begin_message(&mut self.out) else {
            return Err(Shutdown::Fault);
        };
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
                        Untrusted(self.user.as_deref().unwrap_or_default().as_bytes()),
                        body.length,
                    );
                    return Err(Shutdown::Fault);
                }
            };
            let progress = encoder.encode(chunk.get(..octets).unwrap_or_default(), &mut self.out);
            buffers::give_back_chunk(chunk);
            at += octets as u64;
            if progress == Progress::Enough {
                break;
            }
            if self.out.len() >= buffers::CHUNK {
                self.stream.send(&mut self.out).await?;
            }
        }
        let sent = self.dialogue.end_message(encoder, &mut self.out);
        if request.lines.is_none()
            && self.dialogue.listing().map(|listing| listing.octets(request.message)) != Some(sent)
        {
            tracing::warn!(
                "message {} of user={} was changed by another program: {sent} octets sent",
                request.message,
                Untrusted(self.user.as_deref().unwrap_or_default().as_bytes()),
            );
        }
        Ok(())
    }

    /// Carries out QUIT. Nothing breaks this off: the client said it, and the maildrop decides.
    async fn finish(&mut self, marked: &pop3::Deletions) {
        let numbers: Vec<u32> = marked.iter().map(MessageNumber::get).collect();
        let wanted = marked.len();
        let commit = match (self.mail.take(), Deletions::new(numbers)) {
            (Some(mail), Ok(deletions)) => match mail.finish(&deletions).await {
                Ok(Outcome::Removed) => Commit::Done,
                Ok(Outcome::Remaining(left)) => Commit::Partial { removed: wanted.saturating_sub(left) },
                Ok(Outcome::Changed) | Err(_) => Commit::Failed,
            },
            _ => Commit::Failed,
        };
        self.dialogue.finished(commit, &mut self.out);
    }
}

fn told_of(why: Why) -> LoginRefusal {
    match why {
        Why::Password | Why::UnknownUser | Why::Disabled => LoginRefusal::Denied,
        Why::DeniedHost | Why::ReverseLookup => LoginRefusal::Host,
        Why::Temporary => LoginRefusal::Temporary,
    }
}

/// The listing that came from the maildrop process, as the dialogue reads it.
struct MailListing(Listing);

impl pop3::Listing for MailListing {
    fn count(&self) -> u32 {
        self.0.count()
    }

    fn octets(&self, number: MessageNumber) -> u64 {
        self.0.octets(number.get())
    }

    fn uidl(&self, number: MessageNumber) -> &[u8] {
        self.0.uidl(number.get())
    }

    fn total_octets(&self) -> u64 {
        self.0.total_octets()
    }
}
