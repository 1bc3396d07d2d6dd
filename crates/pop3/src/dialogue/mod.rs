//! One connection, from the greeting to the end.

mod dispatch;
mod exchange;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeListing;
    use crate::{MessageNumber, Plaintext, Verb};

    const LOGIN: &[u8] = b"USER alice\r\nPASS x\r\n";

    fn dialogue() -> Dialogue<FakeListing> {
        Dialogue::new(Arc::default(), Tls::Offered(Plaintext::Allowed), Arc::new(["LOGIN"]))
    }

    fn alice() -> LoginName {
        LoginName::parse(b"alice").unwrap()
    }

    /// Takes commands until the input is used up or the dialogue returns an effect.
    fn drive(dialogue: &mut Dialogue<FakeListing>, mut input: &[u8], out: &mut Vec<u8>) -> Step {
        loop {
            match dialogue.step(&mut input, out) {
                Step::Replied => {}
                step => return step,
            }
        }
    }

    fn logged_in(sizes: &[u64]) -> Dialogue<FakeListing> {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        assert!(matches!(drive(&mut dialogue, LOGIN, &mut out), Step::Login(_)));
        dialogue.logged_in(alice(), FakeListing::new(sizes), &mut out);
        dialogue
    }

    #[test]
    fn the_greeting_stays_on_its_line_and_offers_no_apop() {
        let mut out = Vec::new();
        dialogue().greet("mail\r\n <1.2@host> ready", &mut out);
        assert_eq!(out, b"+OK mail 1.2@host ready\r\n");
        out.clear();
        dialogue().greet("", &mut out);
        assert_eq!(out, b"+OK\r\n", "it need not tell anything");
    }

    #[test]
    fn while_an_effect_is_open_no_command_is_taken() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        let mut input = &b"USER alice\r\nPASS x\r\nSTAT\r\n"[..];
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Replied));
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Login(_)));
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Waiting));
        assert_eq!(input, b"STAT\r\n");
        dialogue.logged_in(alice(), FakeListing::new(&[5]), &mut out);
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Replied));
        assert!(out.ends_with(b"\r\n+OK 1 5\r\n"));
    }

    #[test]
    fn an_answer_after_a_shutdown_is_ignored() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        drive(&mut dialogue, LOGIN, &mut out);
        dialogue.shut_down(Shutdown::Stopping, &mut out);
        assert!(out.ends_with(b"-ERR [SYS/TEMP] the server is shutting down, closing\r\n"));
        out.clear();
        dialogue.logged_in(alice(), FakeListing::new(&[5]), &mut out);
        dialogue.login_refused(LoginFailure::Password, &mut out);
        dialogue.message_failed(MessageError::Gone, &mut out);
        dialogue.finished(Commit::Done, &mut out);
        dialogue.shut_down(Shutdown::Kicked, &mut out);
        assert!(dialogue.begin_message(&mut out).is_none() && out.is_empty());
        let closed = CloseReason::ShutDown(Shutdown::Stopping);
        assert!(matches!(dialogue.step(&mut &b"NOOP\r\n"[..], &mut out), Step::Close(why) if why == closed));
        assert_eq!(dialogue.user().map(LoginName::as_str), Some("alice"));
    }

    #[test]
    fn a_shutdown_inside_a_multi_line_reply_says_nothing() {
        let (mut dialogue, mut out) = (logged_in(&[5]), Vec::new());
        assert!(matches!(drive(&mut dialogue, b"RETR 1\r\n", &mut out), Step::Fetch(_)));
        let mut encoder = dialogue.begin_message(&mut out).unwrap();
        encoder.encode(b"abc", &mut out);
        dialogue.shut_down(Shutdown::ServerError, &mut out);
        dialogue.end_message(encoder, &mut out);
        assert!(out.ends_with(b"abc"), "a message that broke off is not ended");
        assert!(!String::from_utf8(out).unwrap().contains("-ERR"));

        let (mut dialogue, mut out) = (logged_in(&vec![5; 5000]), Vec::new());
        assert!(matches!(dialogue.step(&mut &b"LIST\r\n"[..], &mut out), Step::Replied));
        let length = out.len();
        dialogue.shut_down(Shutdown::Stopping, &mut out);
        assert_eq!(out.len(), length);
    }

    #[test]
    fn a_shutdown_inside_a_handshake_says_nothing_and_a_late_handshake_changes_nothing() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        assert!(matches!(drive(&mut dialogue, b"STLS\r\n", &mut out), Step::StartTls));
        assert!(matches!(dialogue.step(&mut &b"CAPA\r\n"[..], &mut out), Step::Waiting));
        dialogue.shut_down(Shutdown::Stopping, &mut out);
        dialogue.tls_started(Arc::new([]));
        assert_eq!((out.as_slice(), dialogue.phase()), (&b"+OK begin TLS\r\n"[..], SessionPhase::Closed));
    }

    #[test]
    fn the_name_that_counts_is_that_of_the_answer() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        drive(&mut dialogue, b"USER alice@\r\nPASS x\r\n", &mut out);
        dialogue.logged_in(alice(), FakeListing::new(&[]), &mut out);
        assert_eq!(dialogue.user(), Some(&alice()));
    }

    #[test]
    fn a_timeout_sends_nothing() {
        let (mut dialogue, mut out) = (logged_in(&[]), Vec::new());
        dialogue.shut_down(Shutdown::Timeout, &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_connection_can_be_turned_away_before_the_greeting() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        dialogue.shut_down(Shutdown::Busy, &mut out);
        assert!(out.starts_with(b"-ERR [SYS/TEMP] too many connections"));
    }

    #[test]
    fn messages_are_tallied_and_commands_recorded() {
        let (mut dialogue, mut out) = (logged_in(&[9]), Vec::new());
        for command in [&b"RETR 1\r\n"[..], b"TOP 1 0\r\n"] {
            assert!(matches!(drive(&mut dialogue, command, &mut out), Step::Fetch(_)));
            let record = dialogue.take_record().unwrap();
            assert_eq!(record.message, MessageNumber::new(1));
            assert_eq!(dialogue.take_record(), None);
            let mut encoder = dialogue.begin_message(&mut out).unwrap();
            encoder.encode(b"a:b\n\nc", &mut out);
            assert_eq!(
                dialogue.end_message(encoder, &mut out),
                if record.verb == Some(Verb::Retr) { 10 } else { 7 }
            );
        }
        drive(&mut dialogue, b"DELE 1\r\nQUIT\r\n", &mut out);
        assert_eq!(dialogue.phase(), SessionPhase::Update);
        dialogue.finished(Commit::Done, &mut out);
        let tally = SessionTally {
            top: 1,
            top_octets: 7,
            retr: 1,
            retr_octets: 10,
            removed: 1,
            messages: 1,
            octets: 9,
        };
        assert_eq!(dialogue.tally(), &tally);
        assert_eq!(dialogue.phase(), SessionPhase::Closed);
    }

    #[test]
    fn an_idle_dialogue_is_small() {
        let octets = mem::size_of::<Dialogue<Arc<u8>>>();
        assert!(octets <= 256, "{octets} octets a connection");
    }
}
