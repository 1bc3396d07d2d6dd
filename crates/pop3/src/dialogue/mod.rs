//! One connection, from the greeting to the end.

mod dispatch;
mod exchange;
#[cfg(test)]
mod tests;

use crate::FetchRequest;
use crate::commands::{quit, retr, top, user, xclient};
use crate::language::ReplyText;
use crate::line::{LineReader, MAX_COMMAND_LINE, NextLine};
use crate::login_failure;
use crate::reply::{self, ReplyWriter};
use crate::state::{AuthorizationState, SessionState};
use crate::transaction::TransactionState;
use crate::{CloseReason, Commit, Encoder, MAX_SASL_LINE, Mechanisms, MessageError, MessageListing};
use crate::{
    CommandError, CommandRecord, LoginName, Policy, ResponseCode, SessionPhase, SessionTally, Shutdown, Step,
    Tls,
};

use std::mem;
use std::sync::Arc;
use vocabulary::{Language, LoginFailure};

/// The server's side of one POP3 connection.
///
/// [`step`](Self::step) takes the commands in order, one at a time. The driver answers an effect that it
/// returns with the method that the effect names, and until then the dialogue takes no command. An answer
/// that is no longer expected is ignored and its listing dropped, because the session may have been shut down
/// in the meantime.
///
/// Replies are appended to `out`, always as whole lines. The dialogue buffers only the start of a line whose
/// end is still missing: at most 256 octets, or 16 kB of AUTH before a login.
pub struct Dialogue<L> {
    policy: Arc<Policy>,
    tls: Tls,
    mechanisms: Mechanisms,
    /// Whether the peer is a proxy that may use XCLIENT.
    trusted_proxy: bool,
    lines: LineReader,
    state: SessionState<L>,
    bad_in_a_row: u32,
    /// Whether the client has sent UTF8.
    utf8: bool,
    language: Language,
    record: Option<CommandRecord>,
    tally: SessionTally,
}

impl<L: MessageListing> Dialogue<L> {
    /// A connection that was just accepted. `mechanisms` are those offered in its current state;
    /// [`tls_started`](Self::tls_started) may replace them.
    pub fn new(policy: Arc<Policy>, tls: Tls, mechanisms: Mechanisms) -> Self {
        Self {
            policy,
            tls,
            mechanisms,
            trusted_proxy: false,
            lines: LineReader::default(),
            state: SessionState::Authorization(AuthorizationState::default()),
            bad_in_a_row: 0,
            utf8: false,
            language: Language::English,
            record: None,
            tally: SessionTally::default(),
        }
    }

    /// Sets whether the peer is a trusted proxy, which may use XCLIENT.
    pub fn trusted_proxy(self, trusted_proxy: bool) -> Self {
        Self { trusted_proxy, ..self }
    }

    /// Appends the greeting (RFC 1939, section 4), without its control characters, `<` and `>`: a client
    /// would take what is between these two for the timestamp of APOP, which is not offered. For a trusted
    /// proxy it announces XCLIENT, which Dovecot as a proxy looks for.
    pub fn greet(&self, greeting: &str, out: &mut Vec<u8>) {
        let text = reply::printable(greeting).filter(|c| !matches!(c, '<' | '>')).collect::<String>();
        let offer = if self.trusted_proxy { " [XCLIENT]" } else { "" };
        let space = if text.is_empty() { "" } else { " " };
        reply::line(out, format_args!("+OK{offer}{space}{text}"));
    }

    /// Takes at most one whole command from `input` and advances it, and appends the reply to `out` or
    /// returns an effect. The start of a line whose end is missing is taken and kept. LIST and UIDL of a
    /// large maildrop take several calls, each of which appends about 16 kB.
    ///
    /// `input` must be everything that was read and not taken yet: octets after STLS close the dialogue.
    pub fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Step {
        let out = &mut ReplyWriter::new(out, self.language);
        match mem::take(&mut self.state) {
            SessionState::Enumerating(at, enumeration) => {
                let rest = enumeration.resume(&at, out);
                return self.enumerate(at, rest);
            }
            SessionState::Challenged(at) => return self.take_response(at, input, out),
            ready @ (SessionState::Authorization(_) | SessionState::Transaction(_)) => self.state = ready,
            SessionState::Closed(at) => {
                let reason = at.reason;
                self.state = SessionState::Closed(at);
                return Step::Close(reason);
            }
            waiting => {
                self.state = waiting;
                return Step::Waiting;
            }
        }
        let limit = self.line_limit(input);
        match self.lines.next(input, limit) {
            NextLine::Partial => Step::NeedInput,
            NextLine::TooLong => self.refuse(CommandRecord::default(), CommandError::LineTooLong(limit), out),
            NextLine::Whole(line) => self.take(&line, !input.is_empty(), out),
        }
    }

    /// The handshake is done: answers [`Step::StartTls`]. From now on `mechanisms` are offered and passwords
    /// may cross.
    pub fn tls_started(&mut self, mechanisms: Mechanisms) {
        match mem::take(&mut self.state) {
            SessionState::StartingTls(at) => {
                (self.tls, self.mechanisms) = (Tls::Active, mechanisms);
                self.state = SessionState::Authorization(AuthorizationState {
                    user: None,
                    failed_logins: at.failed_logins,
                });
            }
            other => self.state = other,
        }
    }

    /// The connection is now that of the proxy's client: answers [`Step::Forward`]. `tls` and `mechanisms`
    /// are those for that client, and `trusted_proxy` is whether it is itself a trusted proxy.
    pub fn forwarded(&mut self, tls: Tls, mechanisms: Mechanisms, trusted_proxy: bool, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            SessionState::Forwarding(at) => {
                (self.tls, self.mechanisms, self.trusted_proxy) = (tls, mechanisms, trusted_proxy);
                self.state = SessionState::Authorization(xclient::done(&at, &mut self.replies(out)));
            }
            other => self.state = other,
        }
    }

    /// The user exists: answers [`Step::LookUpUser`].
    pub fn user_known(&mut self, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            SessionState::Naming(at) => {
                self.state = SessionState::Authorization(user::known(at, &mut self.replies(out)))
            }
            other => self.state = other,
        }
    }

    /// The user is authenticated and the maildrop is open: answers [`Step::Login`], [`Step::Auth`] and
    /// [`Step::AuthResponse`]. `user` is the name from now on; it may differ from the one that the client
    /// sent.
    pub fn logged_in(&mut self, user: LoginName, listing: L, out: &mut Vec<u8>) {
        if self.pending_login().is_some() {
            let at = TransactionState::new(user, listing);
            (self.tally.messages, self.tally.octets) = (at.kept(), at.kept_octets());
            let (messages, octets) = (at.kept(), at.kept_octets());
            reply::ok(&mut self.replies(out), ReplyText::Maildrop { messages, octets });
            self.state = SessionState::Transaction(at);
        }
    }

    /// The login failed: answers [`Step::LookUpUser`], [`Step::Login`], [`Step::Auth`] and
    /// [`Step::AuthResponse`]. After [`Policy::max_failed_logins`] failures of any kind the dialogue is
    /// closed.
    pub fn login_refused(&mut self, why: LoginFailure, out: &mut Vec<u8>) {
        if let Some((user, failed_logins)) = self.pending_login() {
            let (code, text) = login_failure::reply(why);
            reply::err(&mut self.replies(out), code, text);
            self.login_failed(user, failed_logins);
        }
    }

    /// The message can be read: answers [`Step::Fetch`] and appends the status line. The driver feeds the
    /// encoder and returns it to [`end_message`](Self::end_message). If reading fails in the middle of the
    /// message, the driver must call [`shut_down`](Self::shut_down), since the client would take any reply
    /// for content.
    ///
    /// `None` if no message is expected any more.
    pub fn begin_message(&mut self, out: &mut Vec<u8>) -> Option<Encoder> {
        let (mut at, request) = self.fetching()?;
        let out = &mut self.replies(out);
        let encoder = match request.lines {
            None => retr::begin(&mut at, request.message, out),
            Some(lines) => top::begin(lines, out),
        };
        self.state = SessionState::Sending(at, request);
        Some(encoder)
    }

    /// The message is encoded to its end, or as far as TOP needs it: appends the last line end if it is
    /// missing, and the terminator. Appends nothing after a shutdown. Returns the octets sent, as LIST counts
    /// them. For RETR these are as many as the listing says, unless the message has changed.
    pub fn end_message(&mut self, mut encoder: Encoder, out: &mut Vec<u8>) -> u64 {
        match mem::take(&mut self.state) {
            SessionState::Sending(at, request) => {
                encoder.end_last_line(out);
                let octets = encoder.octets();
                encoder.finish(out);
                self.tally.sent(request, octets);
                self.state = SessionState::Transaction(at);
                octets
            }
            other => {
                self.state = other;
                encoder.octets()
            }
        }
    }

    /// The message cannot be read: answers [`Step::Fetch`].
    pub fn message_failed(&mut self, why: MessageError, out: &mut Vec<u8>) {
        if let Some((at, _)) = self.fetching() {
            reply::err(&mut self.replies(out), why.code(), ReplyText::NotSent(why));
            self.state = SessionState::Transaction(at);
        }
    }

    /// The deletions are carried out: answers [`Step::Finish`] and appends the reply to QUIT.
    pub fn finished(&mut self, commit: Commit, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            SessionState::Update(at) => {
                self.tally.removed = quit::finish(&at, commit, &mut self.replies(out));
                self.state = SessionState::closed(Some(at.user), CloseReason::Quit);
            }
            other => self.state = other,
        }
    }

    /// Ends the dialogue from any state, without UPDATE: marked messages stay. Appends an `-ERR [SYS/TEMP]`
    /// with the reason, except inside a multi-line reply, where it would be taken for content, inside a TLS
    /// handshake, and for reasons with which [`Shutdown`] sends nothing.
    ///
    /// After [`Step::Finish`] the deletions go on even if the connection breaks: call
    /// [`finished`](Self::finished) rather than this, so that the log has the number of removed messages.
    pub fn shut_down(&mut self, why: Shutdown, out: &mut Vec<u8>) {
        if self.phase() == SessionPhase::Closed {
            return;
        }
        if let (Some(_), false) = (why.text(), self.state.must_be_silent()) {
            reply::err(&mut self.replies(out), Some(ResponseCode::SysTemp), ReplyText::Closing(why));
        }
        self.close(CloseReason::ShutDown(why));
    }

    /// The state, for logs and statistics.
    pub fn phase(&self) -> SessionPhase {
        self.state.phase()
    }

    /// The name from the last USER, and from [`SessionPhase::Transaction`] on the name of the authenticated
    /// user. STLS and AUTH clear it, and so does a failed login unless it closes the dialogue.
    pub fn user(&self) -> Option<&LoginName> {
        self.state.user()
    }

    /// The listing of the open maildrop, from login to QUIT.
    pub fn listing(&self) -> Option<&L> {
        self.state.listing()
    }

    /// Totals of the session so far.
    pub fn tally(&self) -> &SessionTally {
        &self.tally
    }

    /// Takes the record of the command that the last [`step`](Self::step) took, for the log.
    pub fn take_record(&mut self) -> Option<CommandRecord> {
        self.record.take()
    }

    /// The state of the encryption.
    pub fn tls(&self) -> Tls {
        self.tls
    }

    /// Whether the client has sent UTF8. If so, it gets messages as they are and no surrogates (RFC 6856,
    /// section 2.1).
    pub fn utf8(&self) -> bool {
        self.utf8
    }

    fn replies<'o>(&self, out: &'o mut Vec<u8>) -> ReplyWriter<'o> {
        ReplyWriter::new(out, self.language)
    }

    /// The longest line that may come next. AUTH may be longer than other commands, since its initial
    /// response may be as long as a line of its own. XCLIENT may be as long, since a proxy has much to send.
    fn line_limit(&mut self, input: &mut &[u8]) -> usize {
        match self.state {
            SessionState::Authorization(_) if self.lines.next_begins_with(input, b"AUTH ") => MAX_SASL_LINE,
            SessionState::Authorization(_)
                if self.trusted_proxy && self.lines.next_begins_with(input, b"XCLIENT ") =>
            {
                MAX_SASL_LINE
            }
            _ => MAX_COMMAND_LINE,
        }
    }

    /// Takes the state if it waits for the result of a login: the name from USER, if there is one, and the
    /// number of failed logins so far.
    fn pending_login(&mut self) -> Option<(Option<LoginName>, u32)> {
        match mem::take(&mut self.state) {
            SessionState::Naming(at) | SessionState::Authenticating(at) => {
                Some((Some(at.user), at.failed_logins))
            }
            SessionState::Exchanging(at) => Some((None, at.failed_logins)),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Counts a failed login; `before` is the number so far.
    fn login_failed(&mut self, user: Option<LoginName>, before: u32) {
        let failed_logins = before + 1;
        self.state = if failed_logins >= self.policy.max_failed_logins {
            SessionState::closed(user, CloseReason::FailedLogins)
        } else {
            SessionState::Authorization(AuthorizationState { user: None, failed_logins })
        };
    }

    /// Takes the state if it waits for the answer to [`Step::Fetch`].
    fn fetching(&mut self) -> Option<(TransactionState<L>, FetchRequest)> {
        match mem::take(&mut self.state) {
            SessionState::Fetching(at, request) => Some((at, request)),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.state = SessionState::closed(self.user().cloned(), reason);
    }
}
