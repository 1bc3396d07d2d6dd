//! A driver that keeps its mail in memory. It answers every effect at once, and always in the same way.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use pop3::{
    CloseReason, Commit, Dialogue, EncodeProgress, LoginName, MessageError, MessageListing, MessageNumber,
    Plaintext, Policy, Shutdown, Step, Tls,
};
use std::sync::Arc;
use vocabulary::LoginFailure;

/// Messages in memory. Message n has the identifier `id<n>`.
#[derive(Clone, Debug)]
pub struct Maildrop {
    pub messages: Vec<Vec<u8>>,
    uidls: Vec<String>,
}

impl Maildrop {
    pub fn new(messages: &[&[u8]]) -> Arc<Self> {
        let uidls = (1..=messages.len()).map(|n| format!("id<{n}>")).collect();
        Arc::new(Self { messages: messages.iter().map(|message| message.to_vec()).collect(), uidls })
    }
}

/// The view of a maildrop that the dialogue gets.
pub struct Opened(Arc<Maildrop>);

impl MessageListing for Opened {
    fn count(&self) -> u32 {
        self.0.messages.len().try_into().expect("a few messages")
    }

    fn octets(&self, number: MessageNumber) -> u64 {
        pop3::octets(&self.0.messages[number.index()])
    }

    fn uidl(&self, number: MessageNumber) -> &[u8] {
        self.0.uidls[number.index()].as_bytes()
    }

    fn total_octets(&self) -> u64 {
        self.0.messages.iter().map(|message| pop3::octets(message)).sum()
    }
}

/// The password of every user.
pub const PASSWORD: &[u8] = b"open sesame";

/// The driver's answer to a login.
pub fn verdict(user: &str, password: &[u8]) -> Result<(), LoginFailure> {
    match user {
        _ if password != PASSWORD => Err(LoginFailure::Password),
        "busy" => Err(LoginFailure::InUse),
        "down" => Err(LoginFailure::Temporary),
        "many" => Err(LoginFailure::Limit),
        _ => Ok(()),
    }
}

/// The mechanisms without TLS and with it.
pub const OFFERED: [&str; 2] = ["LOGIN", "PLAIN"];
pub const OFFERED_UNDER_TLS: [&str; 3] = ["XOAUTH2", "LOGIN", "PLAIN"];

/// The driver's next step in an exchange, given all responses so far.
enum Said {
    Challenge(&'static [u8]),
    Verdict(Result<String, LoginFailure>),
}

/// Mechanisms that are as simple as possible, each with one quirk of the real one: PLAIN has the client speak
/// first, LOGIN asks twice, XOAUTH2 reports its failure in a challenge.
fn exchange(mechanism: &str, responses: &[Vec<u8>]) -> Said {
    let login = |user: &[u8], password: &[u8]| {
        let user = String::from_utf8_lossy(user).into_owned();
        verdict(&user, password).map(|()| user)
    };
    match (mechanism, responses) {
        ("PLAIN" | "XOAUTH2", []) => Said::Challenge(b""),
        ("PLAIN", [message]) => Said::Verdict(match message.split(|c| *c == 0).collect::<Vec<_>>()[..] {
            [b"", user, password] => login(user, password),
            _ => Err(LoginFailure::Password),
        }),
        ("LOGIN", []) => Said::Challenge(b"User Name\0"),
        ("LOGIN", [_]) => Said::Challenge(b"Password\0"),
        ("LOGIN", [user, password]) => Said::Verdict(login(user, password)),
        ("XOAUTH2", [token]) if token == PASSWORD => Said::Verdict(Ok("alice".to_owned())),
        ("XOAUTH2", [_]) => Said::Challenge(b"{\"status\":\"401\"}"),
        _ => Said::Verdict(Err(LoginFailure::Password)),
    }
}

/// A connection with its driver.
pub struct Session {
    pub dialogue: Dialogue<Opened>,
    pub out: Vec<u8>,
    pub closed: Option<CloseReason>,
    /// The messages removed at QUIT.
    pub removed: Option<Vec<u32>>,
    /// The result of the removal.
    pub commit: Commit,
    /// The number of a message that cannot be read.
    pub broken: Option<u32>,
    /// Number of octets that the driver reads at a time from a message.
    pub read_size: usize,
    /// Number of exchanges that the client cancelled.
    pub cancelled: u32,
    /// The largest number of octets that one step appended.
    pub most_appended: usize,
    maildrop: Arc<Maildrop>,
    /// The current exchange: its mechanism and the responses so far.
    exchange: Option<(&'static str, Vec<Vec<u8>>)>,
}

impl Session {
    pub fn new(maildrop: &Arc<Maildrop>) -> Self {
        Self::with(maildrop, Policy::default(), Tls::Offered(Plaintext::Allowed))
    }

    pub fn with(maildrop: &Arc<Maildrop>, policy: Policy, tls: Tls) -> Self {
        Self {
            dialogue: Dialogue::new(Arc::new(policy), tls, Arc::new(OFFERED)),
            out: Vec::new(),
            closed: None,
            removed: None,
            commit: Commit::Done,
            broken: None,
            read_size: 5,
            cancelled: 0,
            most_appended: 0,
            maildrop: Arc::clone(maildrop),
            exchange: None,
        }
    }

    /// A session in which alice is logged in.
    pub fn logged_in(maildrop: &Arc<Maildrop>) -> Self {
        let mut session = Self::new(maildrop);
        assert!(session.talk(b"USER alice\r\nPASS open sesame\r\n").ends_with("octets)\r\n"));
        session
    }

    /// Sends octets and returns the output.
    pub fn talk(&mut self, input: &[u8]) -> String {
        self.receive(input);
        String::from_utf8_lossy(&std::mem::take(&mut self.out)).into_owned()
    }

    /// Takes octets from the client, until all are used up or the dialogue is over.
    pub fn receive(&mut self, mut input: &[u8]) {
        loop {
            let before = self.out.len();
            let step = self.dialogue.step(&mut input, &mut self.out);
            self.most_appended = self.most_appended.max(self.out.len() - before);
            match step {
                Step::NeedInput => {
                    assert!(input.is_empty(), "the dialogue must use all input before it asks for more");
                    return;
                }
                Step::Replied => {}
                Step::Waiting => panic!("an effect was not answered"),
                Step::Close(reason) => {
                    self.closed = Some(reason);
                    return;
                }
                Step::LookUpUser(name) => match verdict(name.as_str(), PASSWORD) {
                    Err(why) if name.as_str() == "nobody" => self.dialogue.login_refused(why, &mut self.out),
                    _ => self.dialogue.user_known(&mut self.out),
                },
                Step::Login(login) => match verdict(login.user.as_str(), login.password.expose()) {
                    Ok(()) => self.open(login.user),
                    Err(why) => self.dialogue.login_refused(why, &mut self.out),
                },
                Step::Auth(request) => {
                    let said = request.initial.iter().map(|initial| initial.expose().to_vec()).collect();
                    self.exchange = Some((request.mechanism, said));
                    self.go_on();
                }
                Step::AuthResponse(response) => {
                    let (_, said) = self.exchange.as_mut().expect("an exchange is open");
                    said.push(response.expose().to_vec());
                    self.go_on();
                }
                Step::AuthCancelled => {
                    assert!(self.exchange.take().is_some(), "no exchange was open");
                    self.cancelled += 1;
                }
                Step::StartTls => {
                    assert!(input.is_empty(), "input in clear text must not survive the start of TLS");
                    self.dialogue.tls_started(Arc::new(OFFERED_UNDER_TLS));
                }
                Step::Forward(forwarded) => {
                    let tls = if forwarded.tls { Tls::Active } else { self.dialogue.tls() };
                    self.dialogue.forwarded(tls, Arc::new(OFFERED_UNDER_TLS), false, &mut self.out);
                }
                Step::Fetch(request) if self.broken == Some(request.message.get()) => {
                    self.dialogue.message_failed(MessageError::Temporary, &mut self.out);
                }
                Step::Fetch(request) => self.send(request.message),
                Step::Finish(deletions) => {
                    self.removed = Some(deletions.iter().map(MessageNumber::get).collect());
                    self.dialogue.finished(self.commit, &mut self.out);
                }
            }
        }
    }

    /// The client closes the connection.
    pub fn hang_up(&mut self) {
        self.dialogue.shut_down(Shutdown::ClientGone, &mut self.out);
    }

    fn open(&mut self, user: LoginName) {
        self.dialogue.logged_in(user, Opened(Arc::clone(&self.maildrop)), &mut self.out);
    }

    /// Continues the current exchange.
    fn go_on(&mut self) {
        let (mechanism, said) = self.exchange.take().expect("an exchange is open");
        match exchange(mechanism, &said) {
            Said::Challenge(challenge) => {
                self.dialogue.auth_challenge(challenge, &mut self.out);
                self.exchange = Some((mechanism, said));
            }
            Said::Verdict(Ok(user)) => match LoginName::parse(user.as_bytes()) {
                Some(user) => self.open(user),
                None => self.dialogue.login_refused(LoginFailure::Password, &mut self.out),
            },
            Said::Verdict(Err(why)) => self.dialogue.login_refused(why, &mut self.out),
        }
    }

    fn send(&mut self, message: MessageNumber) {
        let mut encoder =
            self.dialogue.begin_message(&mut self.out).expect("data without a request for a message");
        for chunk in self.maildrop.messages[message.index()].chunks(self.read_size) {
            if encoder.encode(chunk, &mut self.out) == EncodeProgress::Enough {
                break;
            }
        }
        self.dialogue.end_message(encoder, &mut self.out);
    }
}
