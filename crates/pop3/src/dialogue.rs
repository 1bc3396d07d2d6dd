//! One connection, from the greeting to the end.

use crate::commands::{Command, capa, dele, last, list, noop, pass, quit, retr, rset, stat, top, uidl, user};
use crate::enumeration::Enumeration;
use crate::line::{Line, LineReader, MAX_COMMAND_LINE};
use crate::state::{Authenticating, Authorization, Request, State, Transaction};
use crate::{CloseReason, Commit, Encoder, Listing, LoginRefusal, MessageFault, Phase};
use crate::{Plaintext, Policy, Record, Refusal, ResponseCode, Shutdown, Step, Tally, UserName, Verb, reply};
use std::mem;
use std::sync::Arc;

/// The server's side of one POP3 connection.
///
/// [`step`](Self::step) takes the commands, in order and one at a time. An effect that it hands out is answered by the
/// method that the effect names; until then no command is taken. An answer to a question that is no longer open is
/// ignored and its listing dropped: the session may have been shut down meanwhile.
///
/// Replies are appended to `out`, always whole lines. The dialogue keeps no buffer but the start of a command
/// line that has not ended yet, at most 256 octets.
pub struct Dialogue<L> {
    policy: Arc<Policy>,
    plaintext: Plaintext,
    lines: LineReader,
    state: State<L>,
    bad_in_a_row: u32,
    record: Option<Record>,
    tally: Tally,
}

impl<L: Listing> Dialogue<L> {
    /// A connection that was just accepted.
    pub fn new(policy: Arc<Policy>, plaintext: Plaintext) -> Self {
        Self {
            policy,
            plaintext,
            lines: LineReader::default(),
            state: State::Authorization(Authorization::default()),
            bad_in_a_row: 0,
            record: None,
            tally: Tally::default(),
        }
    }

    /// Appends the greeting (RFC 1939, section 4). Control characters are left out, and so are `<` and `>`: a
    /// client would take what is between them for the timestamp of APOP, which is not offered.
    pub fn greet(&self, greeting: &str, out: &mut Vec<u8>) {
        let text = reply::printable(greeting).filter(|c| !matches!(c, '<' | '>')).collect::<String>();
        reply::ok(out, format_args!("{text}"));
    }

    /// Takes at most one whole command from `input`, moving it forward, and appends its reply to `out` or hands out
    /// an effect. The start of a line that has not ended is taken and kept. LIST and UIDL of a large maildrop are
    /// appended over several calls, about 16 kB each.
    pub fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Step {
        match mem::take(&mut self.state) {
            State::Enumerating(at, enumeration) => {
                let rest = enumeration.resume(&at, out);
                return self.enumerate(at, rest);
            }
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
        match self.lines.next(input, MAX_COMMAND_LINE) {
            Line::Partial => Step::NeedInput,
            Line::TooLong => {
                self.refuse(Record { verb: None, message: None, refused: None }, Refusal::LineTooLong, out)
            }
            Line::Whole(line) => self.take(&line, out),
        }
    }

    /// The password is right and the maildrop is open: answers [`Step::Login`].
    pub fn logged_in(&mut self, listing: L, out: &mut Vec<u8>) {
        if let Some(Authenticating { user, .. }) = self.authenticating() {
            let at = Transaction::new(user, listing);
            (self.tally.messages, self.tally.octets) = (at.kept(), at.kept_octets());
            reply::ok(out, format_args!("maildrop has {} messages ({} octets)", at.kept(), at.kept_octets()));
            self.state = State::Transaction(at);
        }
    }

    /// There will be no session: answers [`Step::Login`]. After [`Policy::max_failed_logins`] refusals, of whatever
    /// kind, the dialogue is closed.
    pub fn login_refused(&mut self, why: LoginRefusal, out: &mut Vec<u8>) {
        if let Some(Authenticating { user, failed_logins }) = self.authenticating() {
            reply::err(out, why.code(), why);
            let failed_logins = failed_logins + 1;
            self.state = State::Authorization(Authorization { user: None, failed_logins });
            if failed_logins >= self.policy.max_failed_logins {
                self.state = State::closed(Some(user), CloseReason::FailedLogins);
            }
        }
    }

    /// The message can be read: answers [`Step::Send`] with the status line. The caller feeds the encoder, and gives it
    /// back to [`end_message`](Self::end_message). When the message breaks off in the middle, only
    /// [`shut_down`](Self::shut_down) is left, since nothing that is said there would be understood.
    ///
    /// Nothing when no message is asked for any more.
    pub fn begin_message(&mut self, out: &mut Vec<u8>) -> Option<Encoder> {
        let (mut at, request) = self.fetching()?;
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
            reply::err(out, why.code(), why);
            self.state = State::Transaction(at);
        }
    }

    /// What became of the deletions: answers [`Step::Finish`] with the one reply to QUIT.
    pub fn finished(&mut self, commit: Commit, out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            State::Update(at) => {
                self.tally.removed = quit::finish(&at, commit, out);
                self.state = State::closed(Some(at.user), CloseReason::Quit);
            }
            other => self.state = other,
        }
    }

    /// Ends the dialogue from any state, without UPDATE: marked messages stay. Says why with an `-ERR [SYS/TEMP]`, except
    /// inside a multi-line reply, where it would be taken for content, and where [`Shutdown`] says that nothing is sent.
    ///
    /// After [`Step::Finish`] the deletions are under way whatever becomes of the line: call [`finished`](Self::finished)
    /// rather than this, so that the log tells what was removed.
    pub fn shut_down(&mut self, why: Shutdown, out: &mut Vec<u8>) {
        if self.phase() == Phase::Closed {
            return;
        }
        if let (Some(text), false) = (why.text(), self.state.inside_a_body()) {
            reply::err(out, Some(ResponseCode::SysTemp), text);
        }
        self.close(CloseReason::ShutDown(why));
    }

    /// The state, for logs and statistics.
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// The user name that was claimed last, proven from [`Phase::Transaction`] on. A failed login forgets it,
    /// unless it closed the dialogue.
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

    fn take(&mut self, line: &[u8], out: &mut Vec<u8>) -> Step {
        let mut record = Record { verb: None, message: None, refused: None };
        let Some((verb, argument)) = Verb::parse(line) else {
            return self.refuse(record, Refusal::UnknownCommand, out);
        };
        record.verb = Some(verb);
        let result = Command::parse(verb, argument).and_then(|command| {
            record.message = command.message();
            self.run(command, out)
        });
        match result {
            Ok(step) => {
                self.bad_in_a_row = 0;
                self.record = Some(record);
                step
            }
            Err(refusal) => self.refuse(record, refusal, out),
        }
    }

    fn run(&mut self, command: Command, out: &mut Vec<u8>) -> Result<Step, Refusal> {
        match mem::take(&mut self.state) {
            State::Authorization(at) => self.run_before_login(at, command, out),
            State::Transaction(at) => self.run_after_login(at, command, out),
            waiting => {
                self.state = waiting;
                Ok(Step::Waiting)
            }
        }
    }

    fn run_before_login(
        &mut self,
        mut at: Authorization,
        command: Command,
        out: &mut Vec<u8>,
    ) -> Result<Step, Refusal> {
        let (state, result) = match command {
            Command::User(name) => {
                let result = user::run(&mut at, name, self.plaintext, out);
                (State::Authorization(at), result.map(|()| Step::Replied))
            }
            Command::Pass(password) => match pass::run(&mut at, password, self.plaintext) {
                Ok((next, credentials)) => (State::Authenticating(next), Ok(Step::Login(credentials))),
                Err(refusal) => (State::Authorization(at), Err(refusal)),
            },
            Command::Capa => {
                let result = capa::run(&self.policy, self.plaintext, out);
                (State::Authorization(at), result.map(|()| Step::Replied))
            }
            Command::Quit => {
                quit::before_login(&at, out);
                (State::closed(at.user, CloseReason::Quit), Ok(Step::Close(CloseReason::Quit)))
            }
            _ => (State::Authorization(at), Err(Refusal::NotBeforeLogin)),
        };
        self.state = state;
        result
    }

    fn run_after_login(
        &mut self,
        mut at: Transaction<L>,
        command: Command,
        out: &mut Vec<u8>,
    ) -> Result<Step, Refusal> {
        let done = match command {
            Command::List(None) => {
                let rest = list::all(&at, out);
                return Ok(self.enumerate(at, rest));
            }
            Command::Uidl(None) => {
                let rest = uidl::all(&at, out);
                return Ok(self.enumerate(at, rest));
            }
            Command::Quit => {
                let (next, deletions) = quit::run(at);
                self.state = State::Update(next);
                return Ok(Step::Finish(deletions));
            }
            Command::Retr(number) => {
                let request = retr::run(&at, number);
                return self.fetch(at, request);
            }
            Command::Top(number, lines) => {
                let request = top::run(&at, number, lines);
                return self.fetch(at, request);
            }
            Command::List(Some(number)) => list::one(&at, number, out),
            Command::Uidl(Some(number)) => uidl::one(&at, number, out),
            Command::Dele(number) => dele::run(&mut at, number, out),
            Command::Stat => stat::run(&at, out),
            Command::Noop => noop::run(&at, out),
            Command::Rset => rset::run(&mut at, out),
            Command::Last => last::run(&at, out),
            Command::Capa => capa::run(&self.policy, self.plaintext, out),
            Command::User(_) | Command::Pass(_) => Err(Refusal::NotAfterLogin),
        };
        self.state = State::Transaction(at);
        done.map(|()| Step::Replied)
    }

    fn enumerate(&mut self, at: Transaction<L>, rest: Option<Enumeration>) -> Step {
        self.state = match rest {
            Some(rest) => State::Enumerating(at, rest),
            None => State::Transaction(at),
        };
        Step::Replied
    }

    fn fetch(&mut self, at: Transaction<L>, request: Result<Request, Refusal>) -> Result<Step, Refusal> {
        self.state = match request {
            Ok(request) => State::Fetching(at, request),
            Err(_) => State::Transaction(at),
        };
        request.map(Step::Send)
    }

    /// Appends the one reply to a command that was refused, and closes after too many bad ones.
    fn refuse(&mut self, record: Record, refusal: Refusal, out: &mut Vec<u8>) -> Step {
        self.record = Some(Record { refused: Some(refusal), ..record });
        if !refusal.is_bad_command() {
            self.bad_in_a_row = 0;
        } else {
            self.bad_in_a_row += 1;
            if self.bad_in_a_row >= self.policy.max_bad_commands {
                reply::err(out, None, "too many bad commands, closing");
                self.close(CloseReason::BadCommands);
                return Step::Close(CloseReason::BadCommands);
            }
        }
        reply::err(out, None, refusal);
        Step::Replied
    }

    fn close(&mut self, reason: CloseReason) {
        self.state = State::closed(self.user().cloned(), reason);
    }

    /// Takes the state apart if it waits for the answer to [`Step::Login`].
    fn authenticating(&mut self) -> Option<Authenticating> {
        match mem::take(&mut self.state) {
            State::Authenticating(at) => Some(at),
            other => {
                self.state = other;
                None
            }
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MessageNumber;
    use crate::testing::FakeListing;

    fn dialogue() -> Dialogue<FakeListing> {
        Dialogue::new(Arc::default(), Plaintext::Allowed)
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
        assert!(matches!(drive(&mut dialogue, b"USER alice\r\nPASS x\r\n", &mut out), Step::Login(_)));
        dialogue.logged_in(FakeListing::new(sizes), &mut out);
        dialogue
    }

    #[test]
    fn the_greeting_stays_on_its_line_and_offers_no_apop() {
        let mut out = Vec::new();
        dialogue().greet("mail\r\n <1.2@host> ready", &mut out);
        assert_eq!(out, b"+OK mail 1.2@host ready\r\n");
    }

    #[test]
    fn while_an_effect_is_open_no_command_is_taken() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        let mut input = &b"USER alice\r\nPASS x\r\nSTAT\r\n"[..];
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Replied));
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Login(_)));
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Waiting));
        assert_eq!(input, b"STAT\r\n");
        dialogue.logged_in(FakeListing::new(&[5]), &mut out);
        assert!(matches!(dialogue.step(&mut input, &mut out), Step::Replied));
        assert!(out.ends_with(b"\r\n+OK 1 5\r\n"));
    }

    #[test]
    fn an_answer_after_a_shutdown_is_ignored() {
        let (mut dialogue, mut out) = (dialogue(), Vec::new());
        drive(&mut dialogue, b"USER alice\r\nPASS x\r\n", &mut out);
        dialogue.shut_down(Shutdown::Stopping, &mut out);
        assert!(out.ends_with(b"-ERR [SYS/TEMP] the server is shutting down, closing\r\n"));
        out.clear();
        dialogue.logged_in(FakeListing::new(&[5]), &mut out);
        dialogue.login_refused(LoginRefusal::Denied, &mut out);
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
        assert_eq!(dialogue.tally().to_string(), "top=1/7 retr=1/10 del=1/1 size=9");
        assert_eq!(dialogue.phase(), Phase::Closed);
    }

    #[test]
    fn an_idle_dialogue_is_small() {
        let octets = mem::size_of::<Dialogue<Arc<u8>>>();
        assert!(octets <= 256, "{octets} octets a connection");
    }
}
