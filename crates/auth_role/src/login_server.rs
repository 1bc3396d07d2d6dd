//! Handles logins, one at a time.

use std::os::fd::{AsFd, OwnedFd};

use auth::sasl::{SaslClient, SaslExchange, SaslProgress, SaslRefusal};
use auth::{Account, Authenticator, LoginError};
use ipc::hire::WorkerIdentity;
use ipc::login::{
    AuthVerdict, Challenge, ClientCredentials, DEADLINE, Decision, ExchangeReply, ExchangeResponse,
    LoginRequest, RefusedLogin, SessionContext,
};
use ipc::open::OpenRequest;
use ipc::wire::{self, Wait};
use ipc::{SecretOctets, Ticket, receive, send};
use logging::{StepTimer, Untrusted, step};
use sys::deadline::Deadline;
use sys::seqpacket;
use vocabulary::{LoginFailure, SaslMechanism, Words};

use crate::mail_roots::MailRoots;
use crate::maildrop_workers::{MaildropWorkers, OrderError};
use crate::user_logs::UserLogs;
use crate::waiting_exchanges::{ServerEvent, WaitingExchange, WaitingExchanges};

/// This role's ends of its channels.
pub struct Channels<'a> {
    /// Logins arrive here, shared with all other auth processes. Refusals and challenges go back.
    pub queue: &'a OwnedFd,
    /// To the supervisor, for maildrop processes.
    pub hire: &'a OwnedFd,
}

/// Runs the role until the session role or the supervisor is gone. Returns the exit status.
pub fn run(
    channels: Channels<'_>,
    authenticator: &mut Authenticator,
    user_logs: &UserLogs,
    roots: &MailRoots,
) -> i32 {
    let deadline = match Deadline::new() {
        Ok(deadline) => deadline,
        Err(error) => {
            tracing::error!("auth cannot start: no timer: {error}");
            return 1;
        }
    };
    // Read now, so that the first login does not wait for it. Remarks about the lists were logged at the
    // start.
    authenticator.warm();
    drop(authenticator.take_remarks());
    LoginServer {
        queue: channels.queue,
        authenticator,
        user_logs,
        roots,
        deadline,
        workers: MaildropWorkers::new(channels.hire),
        exchanges: WaitingExchanges::default(),
        buffer: vec![0; wire::MOST_OCTETS],
    }
    .serve()
}

struct LoginServer<'a> {
    queue: &'a OwnedFd,
    authenticator: &'a mut Authenticator,
    user_logs: &'a UserLogs,
    roots: &'a MailRoots,
    deadline: Deadline,
    workers: MaildropWorkers<'a>,
    exchanges: WaitingExchanges,
    buffer: Vec<u8>,
}

/// What auth answers to a login itself, and the channel for an exchange that goes on.
struct LoginReply {
    verdict: AuthVerdict,
    channel: Option<OwnedFd>,
}

impl LoginServer<'_> {
    fn serve(&mut self) -> i32 {
        loop {
            let served = match self.exchanges.is_empty() {
                true => self.serve_login(Wait::Forever),
                false => match self.exchanges.wait(self.queue) {
                    ServerEvent::Login => self.serve_login(Wait::No),
                    ServerEvent::Response(waiting) => {
                        self.serve_response(waiting);
                        Ok(true)
                    }
                },
            };
            for remark in self.authenticator.take_remarks() {
                tracing::warn!("{remark}");
            }
            match served {
                Ok(true) => {}
                Ok(false) => return 0,
                Err(error) => {
                    tracing::error!("auth ends: {error}");
                    return 1;
                }
            }
        }
    }

    /// Handles one login from the queue. Returns whether there can be another.
    fn serve_login(&mut self, wait: Wait) -> Result<bool, wire::Error> {
        let login = match receive::<LoginRequest>(self.queue, &mut self.buffer, wait) {
            Ok(Some((login, _))) => login,
            Ok(None) => return Ok(false),
            Err(error) if error.would_block() => return Ok(true),
            Err(error) => return Err(error),
        };
        // Without its timer a login may hang, but its decision is still right.
        let _ = self.deadline.arm(DEADLINE);
        let reply = self.judge(&login);
        let _ = self.deadline.disarm();
        if let Some(LoginReply { verdict, channel }) = reply {
            let descriptors: Vec<_> = channel.iter().map(AsFd::as_fd).collect();
            let decision = Decision { id: login.context.id, verdict };
            send(self.queue, &decision, &descriptors, Wait::Forever)?;
        }
        Ok(true)
    }

    /// `None` if the login is accepted: the maildrop process answers it.
    fn judge(&mut self, login: &LoginRequest) -> Option<LoginReply> {
        let session = login.context.session;
        let timer = StepTimer::start();
        match &login.attempt {
            ClientCredentials::Name { user } => {
                let verdict = self.check_name(user, login);
                let answer = word_of(&verdict);
                step!(
                    session,
                    "auth",
                    "name",
                    "login judged",
                    user = %Untrusted(user),
                    answer,
                    us = timer.micros()
                );
                Some(LoginReply { verdict, channel: None })
            }
            ClientCredentials::Password { user, password } => {
                let outcome = self.check_password(user, password.expose(), login);
                let answer = outcome.as_ref().map_or_else(|failure| failure.word(), |()| ACCEPTED);
                step!(
                    session,
                    "auth",
                    "password",
                    "login judged",
                    user = %Untrusted(user),
                    answer,
                    us = timer.micros()
                );
                let why = outcome.err()?;
                Some(LoginReply {
                    verdict: AuthVerdict::Refused(RefusedLogin { why, user: user.clone() }),
                    channel: None,
                })
            }
            ClientCredentials::Sasl { mechanism, .. } => {
                let reply = self.begin_exchange(login);
                let answer = reply.as_ref().map_or(ACCEPTED, |reply| word_of(&reply.verdict));
                step!(
                    session,
                    "auth",
                    "sasl",
                    "login judged",
                    method = %Untrusted(mechanism.as_bytes()),
                    answer,
                    us = timer.micros()
                );
                reply
            }
        }
    }

    /// Decides whether there is such a user.
    fn check_name(&mut self, user: &[u8], login: &LoginRequest) -> AuthVerdict {
        let why = match self.authenticator.knows(user, login.peer) {
            Ok(true) => return AuthVerdict::Known,
            Ok(false) => LoginFailure::UnknownUser,
            Err(error) => failure(user, &error),
        };
        AuthVerdict::Refused(RefusedLogin { why, user: user.to_vec() })
    }

    fn check_password(
        &mut self,
        user: &[u8],
        password: &[u8],
        login: &LoginRequest,
    ) -> Result<(), LoginFailure> {
        let account =
            self.authenticator.login(user, password, login.peer).map_err(|error| failure(user, &error))?;
        self.order_maildrop(login.context, &account).map_err(|refused| refused.why)
    }

    /// Begins an exchange. If it needs another step, the reply has a channel for the client's responses.
    fn begin_exchange(&mut self, login: &LoginRequest) -> Option<LoginReply> {
        let ClientCredentials::Sasl { mechanism, initial, binding, certificate } = &login.attempt else {
            return None;
        };
        let refused = |refused| Some(LoginReply { verdict: AuthVerdict::Refused(refused), channel: None });
        let unnamed = |why| refused(RefusedLogin { why, user: Vec::new() });
        let Some(mechanism) = SaslMechanism::from_word(mechanism) else {
            return unnamed(LoginFailure::Temporary);
        };
        let client = SaslClient {
            peer: login.peer,
            channel_binding: binding.clone().map(Vec::into_boxed_slice),
            certificate: certificate.clone().map(Vec::into_boxed_slice),
        };
        let initial = initial.as_ref().map(SecretOctets::expose);
        match SaslExchange::begin(mechanism, initial, client, self.authenticator) {
            SaslProgress::Challenge(challenge, exchange) => match seqpacket::pair() {
                Ok((ours, theirs)) => {
                    self.exchanges.push(WaitingExchange::new(login.context, mechanism, ours, exchange));
                    let verdict = AuthVerdict::Challenge(Challenge(challenge));
                    Some(LoginReply { verdict, channel: Some(theirs) })
                }
                Err(error) => {
                    tracing::error!("no channel for a login in several steps: {error}");
                    unnamed(LoginFailure::Temporary)
                }
            },
            SaslProgress::Done(account) => {
                self.order_maildrop(login.context, &account).err().and_then(refused)
            }
            SaslProgress::Refused(refusal) => refused(refused_by(refusal)),
        }
    }

    /// Continues an exchange whose client has responded. If the client is gone, the exchange is dropped.
    fn serve_response(&mut self, waiting: WaitingExchange) {
        let WaitingExchange { context, mechanism, channel, exchange, .. } = waiting;
        let Ok(Some((ExchangeResponse(response), _))) = receive(&channel, &mut self.buffer, Wait::No) else {
            return;
        };
        let timer = StepTimer::start();
        let _ = self.deadline.arm(DEADLINE);
        let (reaction, next) = match exchange.answer(response.expose(), self.authenticator) {
            SaslProgress::Challenge(challenge, exchange) => {
                (ExchangeReply::Challenge(Challenge(challenge)), Some(exchange))
            }
            SaslProgress::Done(account) => match self.order_maildrop(context, &account) {
                Ok(()) => (ExchangeReply::Accepted, None),
                Err(refused) => (ExchangeReply::Refused(refused), None),
            },
            SaslProgress::Refused(refusal) => (ExchangeReply::Refused(refused_by(refusal)), None),
        };
        let _ = self.deadline.disarm();
        let answer = match &reaction {
            ExchangeReply::Challenge(_) => CHALLENGE,
            ExchangeReply::Accepted => ACCEPTED,
            ExchangeReply::Refused(refused) => refused.why.word(),
        };
        step!(
            context.session,
            "auth",
            "sasl-response",
            "login judged",
            method = mechanism.word(),
            answer,
            us = timer.micros()
        );
        let sent = send(&channel, &reaction, &[], Wait::No);
        if let (Ok(()), Some(exchange)) = (sent, next) {
            self.exchanges.push(WaitingExchange::new(context, mechanism, channel, exchange));
        }
    }

    /// Has the maildrop of an authenticated user opened. The maildrop process answers the login.
    fn order_maildrop(&mut self, context: SessionContext, account: &Account) -> Result<(), RefusedLogin> {
        let timer = StepTimer::start();
        let outcome = self.open(context, account);
        step!(
            context.session,
            "auth",
            "open",
            "maildrop ordered",
            user = %Untrusted(account.user.as_str().as_bytes()),
            uid = account.uid.get(),
            answer = if outcome.is_ok() { "sent" } else { "failed" },
            us = timer.micros()
        );
        outcome.map_err(|error| {
            let user = account.user.as_str().as_bytes().to_vec();
            tracing::error!("user={} has no maildrop process: {error}", Untrusted(&user));
            RefusedLogin { why: LoginFailure::Temporary, user }
        })
    }

    fn open(&mut self, context: SessionContext, account: &Account) -> Result<(), OrderError> {
        let identity = WorkerIdentity {
            uid: account.uid.get(),
            gid: account.gid,
            access: self.roots.file_access(account),
        };
        // A user whose own log cannot be written can still read mail.
        let log = self.user_logs.of(&account.user, identity.uid, identity.gid).unwrap_or_else(|error| {
            let user = Untrusted(account.user.as_str().as_bytes());
            tracing::warn!("the own log of user={user} cannot be opened: {error}");
            None
        });
        let order = OpenRequest {
            context,
            ticket: Ticket::issue().map_err(OrderError::NoTicket)?,
            user: account.user.as_str().to_owned(),
            storage: account.maildrop.storage,
            path: account.maildrop.path.as_path().into(),
            user_log: log.as_ref().map(|(detail, _)| *detail),
        };
        self.workers.order(&identity, &order, log.as_ref().map(|(_, file)| file), &mut self.buffer)
    }
}

/// The word for an accepted login in debug lines.
const ACCEPTED: &str = "accepted";
/// The word for a challenge in debug lines.
const CHALLENGE: &str = "challenge";

/// The word for an answer in debug lines.
fn word_of(verdict: &AuthVerdict) -> &'static str {
    match verdict {
        AuthVerdict::Refused(refused) => refused.why.word(),
        AuthVerdict::Known => "known",
        AuthVerdict::Challenge(_) => CHALLENGE,
    }
}

fn refused_by(refusal: SaslRefusal) -> RefusedLogin {
    RefusedLogin { why: failure(&refusal.user, &refusal.error), user: refusal.user }
}

/// The reason of an error, whose detail is logged.
fn failure(user: &[u8], error: &LoginError) -> LoginFailure {
    if let Some(detail) = error.detail() {
        tracing::error!("user={} cannot be looked up: {detail}", Untrusted(user));
    }
    error.failure()
}
