//! Bugs that POP3 servers have had, one test each: those of the original mpopd first, then those of others.
//! These are bugs of the protocol. Those of AUTH and STLS are in `auth_and_stls.rs`; the storage and the
//! processes have tests of their own.

mod common;

use common::{Maildrop, Session};
use pop3::{CloseReason, CommandError, Commit, LoginName, Plaintext, Policy, Shutdown, Step, Tls, Verb};
use std::sync::Arc;
use vocabulary::LoginFailure;

const ONE: &[u8] = b"Subject: one\nX: y\n\nfirst\nsecond\nthird\n";
const TWO: &[u8] = b".dot\n\n.\nno newline";

fn maildrop() -> Arc<Maildrop> {
    Maildrop::new(&[ONE, TWO])
}

fn session() -> Session {
    Session::logged_in(&maildrop())
}

// Bugs of the original.

#[test]
fn a_failed_pass_does_not_echo_the_password() {
    let wrong: [&[u8]; 6] = [
        b"USER alice\r\nPASS hunter2\r\n",
        b"PASS hunter2\r\n",
        b"PAS hunter2\r\n",
        b"hunter2\r\n",
        b"USER alice\r\nPASS hunter2\0\r\n",
        b"USER busy\r\nPASS hunter2\r\n",
    ];
    for attempt in wrong {
        let mut session = Session::new(&maildrop());
        let reply = session.talk(attempt);
        assert!(reply.contains("-ERR") && !reply.contains("hunter2"), "{reply}");
        let record = session.dialogue.take_record().unwrap();
        assert!(!format!("{record} {record:?}").contains("hunter2"));
    }
    let mut long = b"PASS ".to_vec();
    long.extend(b"hunter2".repeat(1000));
    long.extend(b"\r\n");
    assert_eq!(Session::new(&maildrop()).talk(&long), "-ERR line longer than 255 octets\r\n");
}

#[test]
fn the_octet_count_is_what_is_sent() {
    for message in [&b""[..], b"a", b"a\r", b"a\nb\r\nc", b"\0\r\r\n\n", b"\n", ONE] {
        let mut session = Session::logged_in(&Maildrop::new(&[message]));
        let list = session.talk(b"LIST 1\r\n");
        let octets: usize = list.trim_end().strip_prefix("+OK 1 ").unwrap().parse().unwrap();
        assert_eq!(session.talk(b"STAT\r\n"), format!("+OK 1 {octets}\r\n"));
        let reply = session.talk(b"RETR 1\r\n");
        let body = reply.strip_prefix(&format!("+OK {octets} octets\r\n")).unwrap();
        assert_eq!(body.strip_suffix(".\r\n").unwrap().len(), octets, "{message:?}");
    }
}

#[test]
fn top_ends_once() {
    for lines in 0..6 {
        let reply = session().talk(format!("TOP 1 {lines}\r\n").as_bytes());
        assert_eq!(reply.matches("\r\n.\r\n").count(), 1, "{reply}");
        assert!(reply.ends_with("\r\n.\r\n"));
    }
}

#[test]
fn one_invalid_command_does_not_close_the_session() {
    let mut session = session();
    let reply = session.talk(b"\r\nFOO\r\n\xff\x00\r\nRETR\r\nSTAT\r\n");
    assert_eq!(reply.matches("-ERR").count(), 4);
    assert!(reply.ends_with("+OK 2 67\r\n") && session.closed.is_none(), "{reply}");
}

#[test]
fn a_hundred_invalid_commands_in_a_row_do() {
    let mut session = session();
    for _ in 0..99 {
        assert_eq!(session.talk(b"FOO\r\n"), "-ERR unknown command\r\n");
    }
    session.talk(b"NOOP\r\n");
    for _ in 0..99 {
        session.talk(b"RETR zero\r\n");
    }
    assert_eq!(session.closed, None, "a good command must reset the count");
    assert_eq!(session.talk(b"FOO\r\nNOOP\r\n"), "-ERR too many bad commands, closing\r\n");
    assert_eq!(session.closed, Some(CloseReason::BadCommands));
    assert_eq!(session.removed, None);
}

#[test]
fn rset_last_and_the_rest_do_not_work_before_login() {
    let needs_login =
        ["RSET", "LAST", "STAT", "LIST", "LIST 1", "UIDL", "RETR 1", "DELE 1", "TOP 1 0", "NOOP", "UIDL 1"];
    for command in needs_login {
        let mut session = Session::new(&maildrop());
        let line = format!("{command}\r\n");
        assert_eq!(session.talk(line.as_bytes()), "-ERR log in first\r\n", "{command}");
        assert_eq!(session.talk(b"USER alice\r\n"), "+OK send the password\r\n");
        assert_eq!(session.talk(line.as_bytes()), "-ERR log in first\r\n", "{command}");
    }
}

// Message numbers and marks.

#[test]
fn message_0_is_not_message_1() {
    for command in
        ["LIST 0", "UIDL 0", "RETR 0", "DELE 0", "TOP 0 1", "RETR 00", "RETR -1", "RETR 4294967297"]
    {
        let reply = session().talk(format!("{command}\r\nSTAT\r\n").as_bytes());
        assert!(
            reply.starts_with("-ERR usage: ") && reply.ends_with("\r\n+OK 2 67\r\n"),
            "{command}: {reply}"
        );
    }
}

#[test]
fn stat_list_and_uidl_do_not_count_deleted_messages() {
    let mut session = session();
    session.talk(b"DELE 1\r\n");
    assert_eq!(session.talk(b"STAT\r\n"), "+OK 1 23\r\n");
    assert_eq!(session.talk(b"LIST\r\n"), "+OK 1 messages (23 octets)\r\n2 23\r\n.\r\n");
    assert_eq!(session.talk(b"UIDL\r\n"), "+OK unique-id listing follows\r\n2 id<2>\r\n.\r\n");
    session.talk(b"RSET\r\n");
    assert_eq!(session.talk(b"STAT\r\n"), "+OK 2 67\r\n");
}

#[test]
fn no_command_works_on_a_deleted_message() {
    let mut session = session();
    session.talk(b"DELE 1\r\n");
    for command in ["RETR 1", "TOP 1 0", "DELE 1", "LIST 1", "UIDL 1"] {
        let reply = session.talk(format!("{command}\r\n").as_bytes());
        assert_eq!(reply, "-ERR message is marked as deleted\r\n", "{command}");
    }
    assert_eq!(session.talk(b"STAT\r\n"), "+OK 1 23\r\n", "a second DELE must not count twice");
}

#[test]
fn last_is_the_highest_message_retrieved_until_rset() {
    let mut session = session();
    session.broken = Some(2);
    session.talk(b"RETR 1\r\nTOP 2 0\r\nRETR 2\r\n");
    assert_eq!(session.talk(b"LAST\r\n"), "+OK 1\r\n", "neither TOP nor a failed RETR may count");
    session.broken = None;
    session.talk(b"RETR 2\r\nRETR 1\r\n");
    assert_eq!(session.talk(b"LAST\r\n"), "+OK 2\r\n");
    assert!(session.talk(b"RSET\r\nLAST\r\n").ends_with("+OK 0\r\n"));
}

#[test]
fn sums_of_large_maildrops_are_not_cut_to_32_bits() {
    use pop3::{Dialogue, MessageListing, MessageNumber};
    struct Huge;
    impl MessageListing for Huge {
        fn count(&self) -> u32 {
            3
        }
        fn octets(&self, _: MessageNumber) -> u64 {
            5_000_000_000
        }
        fn uidl(&self, _: MessageNumber) -> &[u8] {
            b"x"
        }
        fn total_octets(&self) -> u64 {
            15_000_000_000
        }
    }
    let (mut dialogue, mut out) = (Dialogue::new(Arc::default(), Tls::Active, Arc::new([])), Vec::new());
    let mut input = &b"USER a\r\nPASS b\r\nDELE 1\r\nSTAT\r\n"[..];
    loop {
        match dialogue.step(&mut input, &mut out) {
            Step::Login(login) => dialogue.logged_in(login.user, Huge, &mut out),
            Step::NeedInput => break,
            _ => {}
        }
    }
    assert!(out.ends_with(b"\r\n+OK 2 10000000000\r\n"));
}

// TOP and multi-line replies.

#[test]
fn top_does_not_count_header_lines() {
    let reply = session().talk(b"TOP 1 1\r\n");
    assert!(reply.ends_with("\r\nSubject: one\r\nX: y\r\n\r\nfirst\r\n.\r\n"), "{reply}");
}

#[test]
fn top_0_sends_the_header_only() {
    let reply = session().talk(b"TOP 1 0\r\n");
    assert!(reply.ends_with("\r\nSubject: one\r\nX: y\r\n\r\n.\r\n"), "{reply}");
}

#[test]
fn a_leading_dot_on_the_very_first_line_is_stuffed() {
    assert!(session().talk(b"RETR 2\r\n").contains("+OK 23 octets\r\n..dot\r\n"));
}

#[test]
fn a_message_without_a_last_newline_is_terminated() {
    assert!(session().talk(b"RETR 2\r\n").ends_with("\r\n..\r\nno newline\r\n.\r\n"));
}

#[test]
fn a_message_that_cannot_be_read_is_one_err_and_the_session_goes_on() {
    let mut session = session();
    session.broken = Some(1);
    let reply = session.talk(b"RETR 1\r\nNOOP\r\n");
    assert_eq!(
        reply,
        "-ERR [SYS/TEMP] the message cannot be read now, try again later\r\n+OK nothing done\r\n"
    );
}

// Logins.

#[test]
fn passwords_may_hold_spaces() {
    let mut session = Session::new(&maildrop());
    assert!(
        session
            .talk(b"USER alice\r\nPASS open sesame\r\n")
            .ends_with("+OK maildrop has 2 messages (67 octets)\r\n")
    );
    let mut session = Session::new(&maildrop());
    let denied = "-ERR [AUTH] wrong user name or password\r\n";
    assert!(
        session.talk(b"USER alice\r\nPASS open sesame \r\n").ends_with(denied),
        "the last space is part of the password"
    );
}

#[test]
fn user_alone_after_a_failed_pass_is_allowed() {
    let mut session = Session::new(&maildrop());
    session.talk(b"USER alice\r\nPASS wrong\r\n");
    assert_eq!(session.talk(b"PASS open sesame\r\n"), "-ERR USER comes before PASS\r\n");
    assert!(session.talk(b"USER alice\r\nPASS open sesame\r\n").contains("+OK maildrop"));
}

#[test]
fn three_failed_logins_close_the_connection() {
    let mut session = Session::new(&maildrop());
    let reply = session.talk(&b"USER alice\r\nPASS wrong\r\n".repeat(4));
    assert_eq!(reply.matches("-ERR [AUTH]").count(), 3);
    assert_eq!(session.closed, Some(CloseReason::FailedLogins));
}

#[test]
fn an_unknown_user_is_refused_at_pass_and_like_a_wrong_password() {
    // Both failures have the same reply, see `login_failure.rs`; and USER has the same reply for every name.
    let mut session = Session::new(&maildrop());
    assert_eq!(session.talk(b"USER alice\r\n"), session.talk(b"USER nobody-of-that-name\r\n"));
}

#[test]
fn limits_do_not_look_like_a_wrong_password() {
    for why in [
        LoginFailure::Limit,
        LoginFailure::InUse,
        LoginFailure::Temporary,
        LoginFailure::DeniedHost,
        LoginFailure::ReverseLookup,
    ] {
        let mut session = Session::new(&maildrop());
        let mut input = &b"USER alice\r\nPASS open sesame\r\n"[..];
        while !matches!(session.dialogue.step(&mut input, &mut session.out), Step::Login(_)) {}
        session.out.clear();
        session.dialogue.login_refused(why, &mut session.out);
        let reply = String::from_utf8_lossy(&session.out);
        assert!(reply.starts_with("-ERR ") && !reply.contains("[AUTH]"), "{why:?}");
        assert!(!reply.contains("password"));
    }
    let mut session = Session::new(&maildrop());
    assert!(session.talk(b"USER many\r\nPASS open sesame\r\n").contains("-ERR [SYS/TEMP] too many sessions"));
    assert!(session.talk(b"USER busy\r\nPASS open sesame\r\n").contains("-ERR [IN-USE] "));
}

#[test]
fn plaintext_logins_can_be_forbidden_and_say_so() {
    let mut session = Session::with(&maildrop(), Policy::default(), Tls::Offered(Plaintext::Forbidden));
    let refused = "-ERR plaintext login is not allowed here, use TLS\r\n";
    assert_eq!(session.talk(b"USER alice\r\n"), refused);
    assert_eq!(session.talk(b"PASS open sesame\r\n"), refused);
    let record = session.dialogue.take_record().unwrap();
    assert_eq!(
        (record.verb, record.refused),
        (Some(Verb::Pass), Some(CommandError::Plaintext)),
        "for the log"
    );
    assert_eq!(session.dialogue.user().map(LoginName::as_str), Some("alice"));
    assert!(!session.talk(b"CAPA\r\n").contains("\r\nUSER\r\n"));
}

// CAPA.

#[test]
fn capa_is_the_same_before_and_after_login_but_for_stls_and_has_uidl() {
    let before = Session::new(&maildrop()).talk(b"CAPA\r\n");
    assert_eq!(before.replace("STLS\r\n", ""), session().talk(b"CAPA\r\n"));
    for capability in [
        "TOP",
        "USER",
        "UIDL",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "PIPELINING",
        "EXPIRE NEVER",
        "UTF8 USER",
        "LANG",
    ] {
        assert!(before.contains(&format!("\r\n{capability}\r\n")), "{capability}");
    }
}

// QUIT.

#[test]
fn quit_is_not_ok_when_the_deletion_failed() {
    for commit in [Commit::Partial { removed: 1 }, Commit::Failed] {
        let mut session = session();
        session.commit = commit;
        let reply = session.talk(b"DELE 1\r\nDELE 2\r\nQUIT\r\n");
        assert!(reply.lines().last().unwrap().starts_with("-ERR [SYS/TEMP] "), "{reply}");
        assert_eq!(session.closed, Some(CloseReason::Quit));
    }
}

#[test]
fn quit_is_answered_exactly_once_in_every_state() {
    let one_line = |reply: String| reply.starts_with("+OK") && reply.matches("\r\n").count() == 1;
    assert!(one_line(Session::new(&maildrop()).talk(b"QUIT\r\nQUIT\r\n")));
    let mut named = Session::new(&maildrop());
    named.talk(b"USER alice\r\n");
    assert!(one_line(named.talk(b"QUIT\r\nQUIT\r\n")));
    assert!(one_line(session().talk(b"QUIT\r\nQUIT\r\n")));
    let mut marked = session();
    marked.talk(b"DELE 2\r\n");
    assert!(one_line(marked.talk(b"QUIT\r\nQUIT\r\n")));
}

#[test]
fn a_client_that_drops_the_line_right_after_quit_has_its_deletions_done() {
    let mut session = session();
    session.receive(b"DELE 2\r\nQUIT\r\n");
    session.hang_up();
    assert_eq!(session.removed, Some(vec![2]));
    assert_eq!(session.dialogue.tally().removed, 1);
}

#[test]
fn a_client_that_drops_the_line_without_quit_deletes_nothing() {
    let mut session = session();
    session.receive(b"DELE 2\r\nQUIT");
    session.hang_up();
    assert_eq!((session.removed, session.dialogue.tally().removed), (None, 0));
}

#[test]
fn a_server_that_stops_deletes_nothing() {
    let mut session = session();
    session.talk(b"DELE 2\r\n");
    session.dialogue.shut_down(Shutdown::Stopping, &mut session.out);
    assert_eq!(session.talk(b"QUIT\r\n"), "-ERR [SYS/TEMP] the server is shutting down, closing\r\n");
    assert_eq!((session.removed, session.closed), (None, Some(CloseReason::ShutDown(Shutdown::Stopping))));
}

// Lines and pipelines.

#[test]
fn a_pipeline_is_answered_in_order_one_command_at_a_time() {
    let mut session = session();
    let mut input = &b"NOOP\r\nSTAT\r\nLAST\r\n"[..];
    for (reply, rest) in [("+OK nothing done\r\n", 12), ("+OK 2 67\r\n", 6), ("+OK 0\r\n", 0)] {
        session.out.clear();
        assert!(matches!(session.dialogue.step(&mut input, &mut session.out), Step::Replied));
        assert_eq!((session.out.as_slice(), input.len()), (reply.as_bytes(), rest));
    }
}

#[test]
fn a_line_without_an_end_is_answered_once_and_skipped() {
    let mut session = session();
    for _ in 0..1000 {
        session.receive(&[b'x'; 1000]);
    }
    assert_eq!(session.talk(b"\r\nNOOP\r\n"), "-ERR line longer than 255 octets\r\n+OK nothing done\r\n");
}

#[test]
fn a_bare_lf_ends_a_command() {
    assert_eq!(session().talk(b"STAT\nnoop\n"), "+OK 2 67\r\n+OK nothing done\r\n");
}
