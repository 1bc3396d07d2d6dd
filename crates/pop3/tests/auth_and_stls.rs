//! Bugs that POP3 servers have had with AUTH and STLS, one test each, and the rules of RFC 5034 and RFC 2595.

mod common;

use common::{Maildrop, Session};
use pop3::{CloseReason, CommandError, LoginName, Plaintext, Policy, Tls, Verb};
use std::sync::Arc;

/// `\0alice\0open sesame`
const RIGHT: &str = "AGFsaWNlAG9wZW4gc2VzYW1l";
/// `\0alice\0hunter2`
const WRONG: &str = "AGFsaWNlAGh1bnRlcjI=";
const OPENED: &str = "+OK maildrop has 2 messages (7 octets)\r\n";

fn maildrop() -> Arc<Maildrop> {
    Maildrop::new(&[b"a:b\n", b"\n"])
}

/// A connection on which passwords are forbidden before STLS.
fn in_the_clear() -> Session {
    Session::with(&maildrop(), Policy::default(), Tls::Offered(Plaintext::Forbidden))
}

// AUTH.

#[test]
fn a_bare_auth_lists_the_mechanisms_for_old_outlook() {
    let mut session = Session::new(&maildrop());
    assert_eq!(session.talk(b"AUTH\r\n"), "+OK list of SASL mechanisms follows\r\nLOGIN\r\nPLAIN\r\n.\r\n");
    assert!(session.talk(format!("AUTH PLAIN {RIGHT}\r\n").as_bytes()) == OPENED);
}

#[test]
fn the_two_step_form_of_auth_works_for_every_mechanism() {
    let mut plain = Session::new(&maildrop());
    assert_eq!(plain.talk(b"AUTH PLAIN\r\n"), "+ \r\n");
    assert_eq!(plain.talk(format!("{RIGHT}\r\n").as_bytes()), OPENED);
    assert_eq!(
        plain.dialogue.user().map(LoginName::as_str),
        Some("alice"),
        "the name must come from the mechanism"
    );

    let mut login = Session::new(&maildrop());
    assert_eq!(login.talk(b"AUTH LOGIN\r\n"), "+ VXNlciBOYW1lAA==\r\n");
    assert_eq!(login.talk(b"YWxpY2U=\r\n"), "+ UGFzc3dvcmQA\r\n");
    assert_eq!(login.talk(b"b3BlbiBzZXNhbWU=\r\n"), OPENED);

    let mut xoauth2 = Session::new(&maildrop());
    xoauth2.talk(b"STLS\r\n");
    assert_eq!(xoauth2.talk(b"AUTH XOAUTH2\r\n"), "+ \r\n");
    assert_eq!(xoauth2.talk(b"b3BlbiBzZXNhbWU=\r\n"), OPENED);
}

#[test]
fn an_error_told_in_a_challenge_is_answered_and_then_refused() {
    for answer in [&b"\r\n"[..], b"*\r\n", b"AQ==\r\n"] {
        let mut session = Session::new(&maildrop());
        session.talk(b"STLS\r\n");
        assert_eq!(session.talk(b"AUTH XOAUTH2 AAAA\r\n"), "+ eyJzdGF0dXMiOiI0MDEifQ==\r\n");
        let reply = session.talk(answer);
        assert!(reply.starts_with("-ERR ") && reply.matches("\r\n").count() == 1, "{reply}");
        assert_eq!(session.talk(format!("AUTH PLAIN {RIGHT}\r\n").as_bytes()), OPENED);
    }
}

#[test]
fn sasl_responses_of_twelve_kilobytes_are_taken_and_no_more() {
    let fits = |octets: usize| "A".repeat(octets / 4 * 4);
    for octets in [1024, 1025, 4096, 12_288 - 2] {
        let mut session = Session::new(&maildrop());
        let reply = session.talk(format!("AUTH PLAIN\r\n{}\r\n", fits(octets)).as_bytes());
        assert_eq!(reply, "+ \r\n-ERR [AUTH] wrong user name or password\r\n");
        let reply = session.talk(format!("AUTH PLAIN {}\r\n", fits(octets - 11)).as_bytes());
        assert_eq!(reply, "-ERR [AUTH] wrong user name or password\r\n");
    }
    let mut session = Session::new(&maildrop());
    let long = fits(12_288);
    let reply =
        session.talk(format!("AUTH PLAIN\r\n{long}\r\nAUTH PLAIN {long}\r\nAUTHPLAIN {long}\r\n").as_bytes());
    let err = |limit| format!("-ERR line longer than {limit} octets\r\n");
    assert_eq!(reply, format!("+ \r\n{}{}{}", err(12_288), err(12_288), err(255)));
}

#[test]
fn a_star_cancels_auth_and_is_no_wrong_password() {
    let mut session = Session::new(&maildrop());
    assert_eq!(
        session.talk(b"AUTH LOGIN\r\n*\r\n"),
        "+ VXNlciBOYW1lAA==\r\n-ERR authentication cancelled\r\n"
    );
    assert_eq!(session.cancelled, 1);
    assert_eq!(session.talk(b"*\r\n"), "-ERR unknown command\r\n");
    assert!(session.talk(b"USER alice\r\nPASS open sesame\r\n").ends_with(OPENED));
}

#[test]
fn while_an_exchange_is_open_a_line_is_no_command() {
    let mut session = Session::new(&maildrop());
    let reply = session.talk(b"AUTH LOGIN\r\nQUIT\r\nCAPA\r\n");
    assert_eq!(reply.matches("+ ").count(), 2, "{reply}");
    assert!(reply.ends_with("-ERR [AUTH] wrong user name or password\r\n") && session.closed.is_none());
}

#[test]
fn three_failed_exchanges_close_the_connection_however_they_fail() {
    for lines in [
        "AUTH PLAIN AAAA\r\n".to_owned(),
        format!("AUTH PLAIN {WRONG}\r\n"),
        "AUTH LOGIN\r\n*\r\n".to_owned(),
    ] {
        let mut session = Session::new(&maildrop());
        let reply = session.talk(lines.repeat(4).as_bytes());
        assert_eq!(reply.matches("-ERR").count(), 3, "{reply}");
        assert_eq!(session.closed, Some(CloseReason::FailedLogins));
    }
    let mut mixed = Session::new(&maildrop());
    mixed.talk(b"USER alice\r\nPASS wrong\r\nAUTH LOGIN\r\n*\r\nSTLS\r\n");
    assert_eq!(mixed.closed, None);
    mixed.talk(b"AUTH PLAIN =\r\n");
    assert_eq!(mixed.closed, Some(CloseReason::FailedLogins), "STLS must not reset the count");
}

#[test]
fn auth_is_refused_where_it_is_not_offered() {
    let mut session = Session::new(&maildrop());
    let not_offered = "-ERR this mechanism is not offered here, AUTH alone lists those that are\r\n";
    assert_eq!(session.talk(b"AUTH XOAUTH2\r\n"), not_offered);
    assert_eq!(session.talk(b"AUTH GSSAPI\r\n"), not_offered);
    assert_eq!(session.talk(b"AUTH PLAIN *\r\n"), "-ERR this is not base64\r\n");
    session.talk(b"USER alice\r\nPASS open sesame\r\n");
    for again in ["AUTH", "AUTH PLAIN", "AUTH GSSAPI"] {
        assert_eq!(session.talk(format!("{again}\r\n").as_bytes()), "-ERR already logged in\r\n", "{again}");
    }
}

#[test]
fn what_a_client_says_in_an_exchange_is_in_no_reply_and_no_record() {
    for attempt in [
        format!("AUTH PLAIN {WRONG}"),
        format!("AUTH PLAIN\r\n{WRONG}"),
        format!("AUTH {WRONG}"),
        format!("AUTH PLAIN {WRONG}x"),
    ] {
        let mut session = Session::new(&maildrop());
        let reply = session.talk(format!("{attempt}\r\n").as_bytes());
        let record = session.dialogue.take_record().unwrap();
        let shown = format!("{reply} {record} {record:?}");
        assert!(reply.contains("-ERR") && !shown.contains(WRONG) && !shown.contains("hunter2"), "{shown}");
    }
}

// STLS.

#[test]
fn octets_in_the_same_packet_as_stls_are_not_taken_for_commands() {
    for injected in ["NOOP\r\n", "U", "\r\n", "\x16\x03\x01", "USER mallory\r\nPASS open sesame\r\n"] {
        let mut session = in_the_clear();
        let reply = session.talk(format!("STLS\r\n{injected}").as_bytes());
        assert_eq!(reply, "-ERR nothing may follow STLS before its answer, closing\r\n");
        assert_eq!(session.closed, Some(CloseReason::AfterStls));
    }
}

#[test]
fn a_pending_user_does_not_survive_stls() {
    let mut session = Session::new(&maildrop());
    assert_eq!(session.talk(b"USER mallory\r\nSTLS\r\n"), "+OK send the password\r\n+OK begin TLS\r\n");
    assert_eq!(session.dialogue.user(), None);
    assert_eq!(session.talk(b"PASS open sesame\r\n"), "-ERR USER comes before PASS\r\n");
}

#[test]
fn stls_opens_what_plaintext_forbids() {
    let mut session = in_the_clear();
    let refused = "-ERR plaintext login is not allowed here, use TLS\r\n";
    assert_eq!(session.talk(b"USER alice\r\nAUTH XOAUTH2\r\n"), refused.repeat(2));
    let record = session.dialogue.take_record().unwrap();
    assert_eq!(
        (record.verb, record.refused),
        (Some(Verb::Auth), Some(CommandError::Plaintext)),
        "for the log"
    );
    let before = session.talk(b"CAPA\r\n");
    assert!(before.contains("\r\nSASL LOGIN PLAIN\r\n") && before.contains("\r\nSTLS\r\n"), "{before}");
    assert!(!before.contains("\r\nUSER\r\n"));

    assert_eq!(session.talk(b"STLS\r\n"), "+OK begin TLS\r\n");
    let after = session.talk(b"CAPA\r\n");
    assert!(after.contains("\r\nUSER\r\nSASL XOAUTH2 LOGIN PLAIN\r\n") && !after.contains("STLS"), "{after}");
    assert!(session.talk(b"USER alice\r\nPASS open sesame\r\n").ends_with(OPENED));
}

#[test]
fn stls_works_once_and_only_before_login() {
    let mut session = Session::new(&maildrop());
    session.talk(b"STLS\r\n");
    assert_eq!(session.talk(b"STLS\r\n"), "-ERR TLS is active already\r\n");
    let mut logged_in = Session::logged_in(&maildrop());
    assert_eq!(logged_in.talk(b"STLS\r\nSTAT\r\n"), "-ERR already logged in\r\n+OK 2 7\r\n");
    assert_eq!(logged_in.dialogue.tls(), Tls::Offered(Plaintext::Allowed));
    let mut without = Session::with(&maildrop(), Policy::default(), Tls::Unavailable(Plaintext::Allowed));
    assert_eq!(without.talk(b"STLS\r\nSTLS now\r\n"), "-ERR TLS is not available\r\n-ERR usage: STLS\r\n");
    assert!(!without.talk(b"CAPA\r\n").contains("STLS"));
}
