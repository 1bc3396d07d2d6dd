//! One connection, from the greeting to the end.

mod dispatch;
mod exchange;

use crate::commands::{quit, retr, top, user, xclient};
use crate::language::Text;
use crate::line::{Line, LineReader, MAX_COMMAND_LINE};
use crate::login_failure;
use crate::reply::{self, Replies};
use crate::state::{Authorization, Request, State, Transaction};
use crate::{CloseReason, Commit, Encoder, Listing, MAX_SASL_LINE, Mechanisms, MessageFault};
use crate::{Phase, Policy, Record, Refusal, ResponseCode, Shutdown, Step, Tally, Tls, UserName};

use std::mem;
use std::sync::Arc;
use vocabulary::{Language, LoginFailure};

/// The server's side of one POP3 connection.
///
/// [`step`](Self::step) takes the commands, in order and one at a time. An effect that it hands out is answered by the
/// method that the effect names; until then no command is taken. An answer to a question that is no longer open is
/// ignored and its listing dropped: the session may have been shut down meanwhile.
///
/// Replies are appended to `out`, always whole lines. The dialogue keeps no buffer but the start of a line that has not
/// ended yet: at most 256 octets, and 16 kB of AUTH before a login.
pub struct Dialogue<L> {
    policy: Arc<Policy>,
    tls: Tls,
    mechanisms: Mechanisms,
    /// Whether XCLIENT is accepted.
    believing: bool,
    lines: LineReader,
    state: State<L>,
    bad_in_a_row: u32,
    /// UTF8 was said.
    utf8: bool,
    language: Language,
    record: Option<Record>,
    tally: Tally,
}

impl<L: Listing> Dialogue<L> {
    /// A connection that was just accepted. `mechanisms` are offered on it as it is; under TLS they may be others, see
    /// [`tls_started`](Self::tls_started).
    pub fn new(policy: Arc<Policy>, tls: Tls, mechanisms: Mechanisms) -> Self {
        Self {
            policy,
            tls,
            mechanisms,
            believing: false,
            lines: LineReader::default(),
            state: State::Authorization(Authorization::default()),
            bad_in_a_row: 0,
            utf8: false,
            language: Language::English,
            record: None,
            tally: Tally::default(),
        }
    }

    /// The same where who is connected may speak for others (XCLIENT).
    pub fn believing(self, believing: bool) -> Self {
        Self { believing, ..self }
    }

    /// Appends the greeting (RFC 1939, section 4). Control characters are left out, and so are `<` and `>`: a
    /// client would take what is between them for the timestamp of APOP, which is not offered. A proxy of Dovecot's uses XCLIENT
    /// when the greeting says so.
    pub fn greet(&self, greeting: &str, out: &mut Vec<u8>) {
        let text = reply::printable(greeting).filter(|c| !matches!(c, '<' | '>')).collect::<String>();
        let offer = if self.believing { " [XCLIENT]" } else { "" };
        let space = if text.is_empty() { "" } else { " " };
        reply::line(out, format_args!("+OK{offer}{space}{text}"));
    }

    /// Takes at most one whole command from `input`, moving it forward, and appends its reply to `out` or hands out
    /// an effect. The start of a line that has not ended is taken and kept. LIST and UIDL of a large maildrop are
    /// appended over several calls, about 16 kB each.
    ///
    /// `input` is everything that was read and not taken yet: what comes behind STLS closes the dialogue.
    pub fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Step {
        let out = &mut Replies::new(out, self.language);
        match mem::take(&mut self.state) {
            State::Enumerating(at, enumeration) => {
                let rest = enumeration.resume(&at, out);
                return self.enumerate(at, rest);
            }
            State::Challenged(at) => return self.take_response(at, input, out),
            ready @ (State::Authorization(_) | State::Transaction(_)) => self.state = ready,
            State::Closed(at) => {
                let reason = at.reason;
                self.state = State::Closed(at);
                return Step::Close(reason);
            }
            waiting => {
                self.state = waiting;
                return Step::Waiting;
            }
        }
        let limit = self.line_limit(input);
        match self.lines.next(input, limit) {
            Line::Partial => Step::NeedInput,
            Line::TooLong => self.refuse(Record::default(), Refusal::LineTooLong(limit), out),
            Line::Whole(line) => self.take(&line, !input.is_empty(), out),
        }
    }

    /// The handshake is done: answers [`Step::StartTls`]. From here on `mechanisms` are offered, and passwords may cross.
    pub fn tls_started(&mut self, mechanisms: Mechanisms) {
        match mem::take(&mut self.state) {
            State::StartingTls(at) => {
                (self.tls, self.mechanisms) = (Tls::Active, mechanisms);
                self.state =
                    State::Authorization(Authorization { user: None, failed_logins: at.failed_logins });
            }
            other => self.state = other,
        }
    }

    /// What the proxy said of its client is taken over: answers [`Step::Forward`]. `tls` and `mechanisms` are those for that client, and
    /// `believing` is whether it may speak for others in its turn.
    pub fn forwarded(&mut self, tls: Tls, mechanisms: Mechanisms, believing: bool, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            State::Forwarding(at) => {
                (self.tls, self.mechanisms, self.believing) = (tls, mechanisms, believing);
                self.state = State::Authorization(xclient::done(&at, &mut self.replies(out)));
            }
            other => self.state = other,
        }
    }

    /// There is such a user: answers [`Step::Name`].
    pub fn user_known(&mut self, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            State::Naming(at) => self.state = State::Authorization(user::known(at, &mut self.replies(out))),
            other => self.state = other,
        }
    }

    /// This user is who they say and their maildrop is open: answers [`Step::Login`], [`Step::Auth`] and
    /// [`Step::AuthResponse`]. The name is the one that counts from here on; after PASS it need not be the one that was claimed.
    pub fn logged_in(&mut self, user: UserName, listing: L, out: &mut Vec<u8>) {
        if self.pending_login().is_some() {
            let at = Transaction::new(user, listing);
            (self.tally.messages, self.tally.octets) = (at.kept(), at.kept_octets());
            let (messages, octets) = (at.kept(), at.kept_octets());
            reply::ok(&mut self.replies(out), Text::Maildrop { messages, octets });
            self.state = State::Transaction(at);
        }
    }

    /// There will be no session: answers [`Step::Name`], [`Step::Login`], [`Step::Auth`] and [`Step::AuthResponse`]. After
    /// [`Policy::max_failed_logins`] refusals, of whatever kind, the dialogue is closed.
    pub fn login_refused(&mut self, why: LoginFailure, out: &mut Vec<u8>) {
        if let Some((user, failed_logins)) = self.pending_login() {
            let (code, text) = login_failure::reply(why);
            reply::err(&mut self.replies(out), code, text);
            self.login_failed(user, failed_logins);
        }
    }

    /// The message can be read: answers [`Step::Send`] with the status line. The caller feeds the encoder, and gives it
    /// back to [`end_message`](Self::end_message). When the message breaks off in the middle, only
    /// [`shut_down`](Self::shut_down) is left, since nothing that is said there would be understood.
    ///
    /// Nothing when no message is asked for any more.
    pub fn begin_message(&mut self, out: &mut Vec<u8>) -> Option<Encoder> {
        let (mut at, request) = self.fetching()?;
        let out = &mut self.replies(out);
        let encoder = match request.lines {
            None => retr::begin(&mut at, request.message, out),
            Some(lines) => top::begin(lines, out),
        };
        self.state = State::Sending(at, request);
        Some(encoder)
    }

    /// The message is encoded to its end, or as far as TOP wants it: appends the last line end if it is missing, and
    /// the terminator; nothing after a shutdown. Returns the octets sent, as LIST counts them; after RETR they are what the listing promised,
    /// unless the message changed.
    pub fn end_message(&mut self, mut encoder: Encoder, out: &mut Vec<u8>) -> u64 {
        match mem::take(&mut self.state) {
            State::Sending(at, request) => {
                encoder.end_last_line(out);
                let octets = encoder.octets();
                encoder.finish(out);
                self.tally.sent(request, octets);
                self.state = State::Transaction(at);
                octets
            }
            other => {
                self.state = other;
                encoder.octets()
            }
        }
    }

    /// The message cannot be read: answers [`Step::Send`].
    pub fn message_failed(&mut self, why: MessageFault, out: &mut Vec<u8>) {
        if let Some((at, _)) = self.fetching() {
            reply::err(&mut self.replies(out), why.code(), Text::NotSent(why));
            self.state = State::Transaction(at);
        }
    }

    /// What became of the deletions: answers [`Step::Finish`] with the one reply to QUIT.
    pub fn finished(&mut self, commit: Commit, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            State::Update(at) => {
                self.tally.removed = quit::finish(&at, commit, &mut self.replies(out));
                self.state = State::closed(Some(at.user), CloseReason::Quit);
            }
            other => self.state = other,
        }
    }

    /// Ends the dialogue from any state, without UPDATE: marked messages stay. Says why with an `-ERR [SYS/TEMP]`, except
    /// inside a multi-line reply, where it would be taken for content, inside a handshake, and where [`Shutdown`] says that
    /// nothing is sent.
    ///
    /// After [`Step::Finish`] the deletions are under way whatever becomes of the line: call [`finished`](Self::finished)
    /// rather than this, so that the log tells what was removed.
    pub fn shut_down(&mut self, why: Shutdown, out: &mut Vec<u8>) {
        if self.phase() == Phase::Closed {
            return;
        }
        if let (Some(_), false) = (why.text(), self.state.must_be_silent()) {
            reply::err(&mut self.replies(out), Some(ResponseCode::SysTemp), Text::Closing(why));
        }
        self.close(CloseReason::ShutDown(why));
    }

    /// The state, for logs and statistics.
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// The user name that was claimed last with USER; from [`Phase::Transaction`] on the one that was proven. A failed login
    /// forgets it, unless it closed the dialogue, and so do STLS and AUTH.
    pub fn user(&self) -> Option<&UserName> {
        self.state.user()
    }

    /// The opened maildrop's listing, from login to QUIT.
    pub fn listing(&self) -> Option<&L> {
        self.state.listing()
    }

    /// What the session did so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The command that the last [`step`](Self::step) took, once; for the per-user log.
    pub fn take_record(&mut self) -> Option<Record> {
        self.record.take()
    }

    /// Whether the connection is encrypted or can be.
    pub fn tls(&self) -> Tls {
        self.tls
    }

    /// Whether the client has said UTF8: from a login on, it gets messages as they are and no surrogates (RFC 6856, section 2.1).
    pub fn utf8(&self) -> bool {
        self.utf8
    }

    fn replies<'o>(&self, out: &'o mut Vec<u8>) -> Replies<'o> {
        Replies::new(out, self.language)
    }

    /// The longest line that may come next. Before a login AUTH may be longer than other commands: its initial response
    /// holds what would otherwise follow as a line of its own. So may XCLIENT of a proxy, which has much to say.
    fn line_limit(&mut self, input: &mut &[u8]) -> usize {
        match self.state {
            State::Authorization(_) if self.lines.next_begins_with(input, b"AUTH ") => MAX_SASL_LINE,
            State::Authorization(_) if self.believing && self.lines.next_begins_with(input, b"XCLIENT ") => {
                MAX_SASL_LINE
            }
            _ => MAX_COMMAND_LINE,
        }
    }

    /// Takes the state apart if it waits for the verdict on a login: the name that was claimed, if it is known, and the logins
    /// that failed before.
    fn pending_login(&mut self) -> Option<(Option<UserName>, u32)> {
        match mem::take(&mut self.state) {
            State::Naming(at) | State::Authenticating(at) => Some((Some(at.user), at.failed_logins)),
            State::Exchanging(at) => Some((None, at.failed_logins)),
            other => {
                self.state = other;
                None
            }
        }
    }

    /// One more login failed; `before` are those before it.
    fn login_failed(&mut self, user: Option<UserName>, before: u32) {
        let failed_logins = before + 1;
        self.state = if failed_logins >= self.policy.max_failed_logins {
            State::closed(user, CloseReason::FailedLogins)
        } else {
            State::Authorization(Authorization { user: None, failed_logins })
        };
    }

    /// Takes the state apart if it waits for the answer to [`Step::Send`].
    fn fetching(&mut self) -> Option<(Transaction<L>, Request)> {
        match mem::take(&mut self.state) {
            State::Fetching(at, request) => Some((at, request)),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn close(&mut self, reason: CloseReason) {
        self.state = State::closed(self.user().cloned(), reason);
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

    fn alice() -> UserName {
        UserName::parse(b"alice").unwrap()
    }

    /// Takes commands until the input is used up or an effect is handed out.
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
        dialogue.message_failed(MessageFault::Gone, &mut out);
        dialogue.finished(Commit::Done, &mut out);
        dialogue.shut_down(Shutdown::Kicked, &mut out);
        assert!(dialogue.begin_message(&mut out).is_none() && out.is_empty());
        let closed = CloseReason::ShutDown(Shutdown::Stopping);
        assert!(matches!(dialogue.step(&mut &b"NOOP\r\n"[..], &mut out), Step::Close(why) if why == closed));
        assert_eq!(dialogue.user().map(UserName::as_str), Some("alice"));
    }

    #[test]
    fn a_shutdown_inside_a_multi_line_reply_says_nothing() {
        let (mut dialogue, mut out) = (logged_in(&[5]), Vec::new());
        assert!(matches!(drive(&mut dialogue, b"RETR 1\r\n", &mut out), Step::Send(_)));
        let mut encoder = dialogue.begin_message(&mut out).unwrap();
        encoder.encode(b"abc", &mut out);
        dialogue.shut_down(Shutdown::Fault, &mut out);
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
        assert_eq!((out.as_slice(), dialogue.phase()), (&b"+OK begin TLS\r\n"[..], Phase::Closed));
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
            assert!(matches!(drive(&mut dialogue, command, &mut out), Step::Send(_)));
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
        assert_eq!(dialogue.phase(), Phase::Update);
        dialogue.finished(Commit::Done, &mut out);
        let tally =
            Tally { top: 1, top_octets: 7, retr: 1, retr_octets: 10, removed: 1, messages: 1, octets: 9 };
        assert_eq!(dialogue.tally(), &tally);
        assert_eq!(dialogue.phase(), Phase::Closed);
    }

    #[test]
    fn an_idle_dialogue_is_small() {
        let octets = mem::size_of::<Dialogue<Arc<u8>>>();
        assert!(octets <= 256, "{octets} octets a connection");
    }
}
