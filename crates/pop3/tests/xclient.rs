//! A proxy that speaks for its clients with XCLIENT.

mod common;

use common::{Maildrop, Session};
use pop3::{Dialogue, Plaintext, SessionPhase, Tls};
use std::sync::Arc;

fn from_proxy() -> Session {
    let mut session = Session::new(&Maildrop::new(&[b"Subject: one\n\nbody\n"]));
    let tls = Tls::Offered(Plaintext::Forbidden);
    session.dialogue = Dialogue::new(Arc::default(), tls, Arc::new(["LOGIN"])).trusted_proxy(true);
    session
}

#[test]
fn the_greeting_offers_xclient_to_a_trusted_proxy() {
    for (greeting, expected) in [("ready", "+OK [XCLIENT] ready\r\n"), ("", "+OK [XCLIENT]\r\n")] {
        let mut out = Vec::new();
        from_proxy().dialogue.greet(greeting, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn what_the_proxy_says_counts_from_the_next_command_on() {
    let mut session = from_proxy();
    let said = session.talk(
        b"USER alice\r\nXCLIENT ADDR=192.0.2.7 CLIENT-TRANSPORT=TLS\r\nUSER alice\r\nPASS open sesame\r\n",
    );
    let replies: Vec<&str> = said.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(replies, ["-ERR", "+OK", "+OK", "+OK"], "{said}");
    assert_eq!(session.dialogue.phase(), SessionPhase::Transaction);
    assert!(session.talk(b"XCLIENT ADDR=192.0.2.8\r\n").starts_with("-ERR "));
}

#[test]
fn the_client_is_no_proxy() {
    let mut session = from_proxy();
    assert!(session.talk(b"XCLIENT ADDR=192.0.2.7\r\n").starts_with("+OK "));
    assert!(session.talk(b"XCLIENT ADDR=192.0.2.8\r\n").starts_with("-ERR "));
}

#[test]
fn a_proxy_may_say_much_and_nobody_else_may() {
    let line = format!("XCLIENT ADDR=192.0.2.7 FORWARD={}\r\n", "x".repeat(8000));
    assert!(from_proxy().talk(line.as_bytes()).starts_with("+OK "));
    let mut other = Session::new(&Maildrop::new(&[]));
    assert!(other.talk(line.as_bytes()).starts_with("-ERR line longer than 255 octets"));
    assert!(other.talk(b"XCLIENT ADDR=192.0.2.7\r\n").starts_with("-ERR XCLIENT"));
    let mut endless = from_proxy();
    let line = [b"XCLIENT ".to_vec(), vec![b'x'; 20_000]].concat();
    assert!(endless.talk(&line).starts_with("-ERR line longer than 12288 octets"));
}
