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
    let tally =
        SessionTally { top: 1, top_octets: 7, retr: 1, retr_octets: 10, removed: 1, messages: 1, octets: 9 };
    assert_eq!(dialogue.tally(), &tally);
    assert_eq!(dialogue.phase(), SessionPhase::Closed);
}

#[test]
fn an_idle_dialogue_is_small() {
    let octets = mem::size_of::<Dialogue<Arc<u8>>>();
    assert!(octets <= 256, "{octets} octets a connection");
}
