//! A driver that keeps its mail in memory and answers every effect at once, the same way each time.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its own part")]

use pop3::{
    CloseReason, Commit, Dialogue, Listing, LoginRefusal, MessageFault, MessageNumber, Plaintext, Policy,
    Progress, Shutdown, Step,
};
use std::sync::Arc;

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

/// What the dialogue gets to see of it.
pub struct Opened(Arc<Maildrop>);

impl Listing for Opened {
    fn count(&self) -> u32 {
        self.0.messages.len() as u32
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

/// What the driver answers to a login.
pub fn verdict(user: &str, password: &[u8]) -> Result<(), LoginRefusal> {
    match user {
        _ if password != PASSWORD => Err(LoginRefusal::Denied),
        "busy" => Err(LoginRefusal::InUse),
        "down" => Err(LoginRefusal::Temporary),
        "many" => Err(LoginRefusal::Limit),
        _ => Ok(()),
    }
}

/// A connection and its driver.
pub struct Session {
    pub dialogue: Dialogue<Opened>,
    pub out: Vec<u8>,
    pub closed: Option<CloseReason>,
    /// The messages removed at QUIT.
    pub removed: Option<Vec<u32>>,
    /// What the removal comes to.
    pub commit: Commit,
    /// A message that cannot be read.
    pub broken: Option<u32>,
    /// Octets that the driver reads at once from a message.
    pub read_size: usize,
    maildrop: Arc<Maildrop>,
}

impl Session {
    pub fn new(maildrop: &Arc<Maildrop>) -> Self {
        Self::with(maildrop, Policy::default(), Plaintext::Allowed)
    }

    pub fn with(maildrop: &Arc<Maildrop>, policy: Policy, plaintext: Plaintext) -> Self {
        Self {
            dialogue: Dialogue::new(Arc::new(policy), plaintext),
            out: Vec::new(),
            closed: None,
            removed: None,
            commit: Commit::Done,
            broken: None,
            read_size: 5,
            maildrop: Arc::clone(maildrop),
        }
    }

    /// A session of alice, logged in.
    pub fn logged_in(maildrop: &Arc<Maildrop>) -> Self {
        let mut session = Self::new(maildrop);
        assert!(session.talk(b"USER alice\r\nPASS open sesame\r\n").ends_with("octets)\r\n"));
        session
    }

    /// Sends octets, returns what came back.
    pub fn talk(&mut self, input: &[u8]) -> String {
        self.receive(input);
        String::from_utf8_lossy(&std::mem::take(&mut self.out)).into_owned()
    }

    /// Takes octets as they came from the line, until all are used up or the dialogue is over.
    pub fn receive(&mut self, mut input: &[u8]) {
        loop {
            match self.dialogue.step(&mut input, &mut self.out) {
                Step::NeedInput => {
                    assert!(input.is_empty(), "input is asked for when there is none left");
                    return;
                }
                Step::Replied => {}
                Step::Waiting => panic!("every effect was answered"),
                Step::Close(reason) => {
                    self.closed = Some(reason);
                    return;
                }
                Step::Login(login) => match verdict(login.user.as_str(), login.password.expose()) {
                    Ok(()) => self.dialogue.logged_in(Opened(Arc::clone(&self.maildrop)), &mut self.out),
                    Err(why) => self.dialogue.login_refused(why, &mut self.out),
                },
                Step::Send(request) if self.broken == Some(request.message.get()) => {
                    self.dialogue.message_failed(MessageFault::Temporary, &mut self.out);
                }
                Step::Send(request) => self.send(request.message),
                Step::Finish(deletions) => {
                    self.removed = Some(deletions.iter().map(MessageNumber::get).collect());
                    self.dialogue.finished(self.commit, &mut self.out);
                }
            }
        }
    }

    /// The line breaks.
    pub fn hang_up(&mut self) {
        self.dialogue.shut_down(Shutdown::ClientGone, &mut self.out);
    }

    fn send(&mut self, message: MessageNumber) {
        let mut encoder = self.dialogue.begin_message(&mut self.out).expect("a message was asked for");
        for chunk in self.maildrop.messages[message.index()].chunks(self.read_size) {
            if encoder.encode(chunk, &mut self.out) == Progress::Enough {
                break;
            }
        }
        self.dialogue.end_message(encoder, &mut self.out);
    }
}
