//! The dialogue against an oracle: a model of RFC 1939 that was written apart from it, out of strings and vectors, with
//! none of its types. Any octets in any chunks must be answered as the oracle answers them whole.
//!
//! Of encryption it knows that more is offered after it, and that nothing may come with STLS: the one thing that depends on the
//! chunks. Of SASL it knows the mechanisms of the test driver.
//!
//! The oracle says of every reply what programs act on: the status, the response code, the numbers, the body. The words
//! for humans are not its business.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod model;

use common::{Maildrop, Session};
use model::{BROKEN, Expected, MAX_BAD, MESSAGES, Oracle};
use pop3::{Commit, Plaintext, Policy, Tls};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

fn session(maildrop: &Arc<Maildrop>, plaintext: Plaintext) -> Session {
    let policy = Policy { max_bad_commands: MAX_BAD, ..Policy::default() };
    let mut session = Session::with(maildrop, policy, Tls::Offered(plaintext));
    session.commit = Commit::Done;
    session.broken = Some(BROKEN as u32);
    session
}

/// Runs the input in chunks of these sizes, taken in turn, and compares it with the oracle, which is returned.
fn compare(input: &[u8], sizes: &[usize], plaintext: Plaintext) -> Oracle {
    let mut session = session(&Maildrop::new(&MESSAGES), plaintext);
    let mut chunk_ends = BTreeSet::new();
    let mut rest = input;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        rest = tail;
        chunk_ends.insert(input.len() - rest.len());
        if session.closed.is_none() {
            session.read_size = *size;
            session.receive(chunk);
        }
    }
    let mut oracle = Oracle::new(plaintext == Plaintext::Forbidden);
    let expected = oracle.answer(input, &chunk_ends);
    check(&String::from_utf8_lossy(&session.out), &expected);
    assert_eq!(session.closed.is_some(), oracle.over);
    let removed = oracle.removed.clone().map(|removed| removed.into_iter().map(|n| n as u32).collect());
    assert_eq!(session.removed, removed);
    assert_eq!(session.dialogue.tls() == Tls::Active, oracle.encrypted);
    oracle
}

/// Takes one line off the front.
fn line<'a>(output: &mut &'a str) -> &'a str {
    let (line, rest) =
        output.split_once("\r\n").unwrap_or_else(|| panic!("a reply is missing or not ended: {output:?}"));
    *output = rest;
    line
}

/// Checks what was sent, to its last octet.
fn check(mut output: &str, expected: &[Expected]) {
    for reply in expected {
        let status = line(&mut output);
        match reply {
            Expected::Ok(text) | Expected::Body(text, _) => {
                let sent =
                    status.strip_prefix("+OK ").unwrap_or_else(|| panic!("{status:?} in place of {reply:?}"));
                assert!(text.as_ref().is_none_or(|text| text == sent), "{status:?} in place of {reply:?}");
            }
            Expected::Challenge(challenge) => assert_eq!(status, format!("+ {challenge}")),
            Expected::Err(code) => {
                let sent = status
                    .strip_prefix("-ERR ")
                    .unwrap_or_else(|| panic!("{status:?} in place of {reply:?}"));
                let sent = sent.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(code, _)| code);
                assert_eq!(sent, *code, "{status:?}");
            }
        }
        if let Expected::Body(_, body) = reply {
            let mut sent = String::new();
            loop {
                match line(&mut output) {
                    "." => break,
                    line => sent.extend([line.strip_prefix('.').unwrap_or(line), "\r\n"]),
                }
            }
            assert_eq!(&sent, body);
        }
    }
    assert_eq!(output, "", "more was sent than {expected:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_dialogue_in_any_chunks_is_answered_as_the_oracle_says(
        input in client::dialogue(), sizes in vec(1usize..300, 1..5), forbidden in prop::bool::weighted(0.2),
    ) {
        let plaintext = if forbidden { Plaintext::Forbidden } else { Plaintext::Allowed };
        compare(&input, &sizes, plaintext);
        compare(&input, &[1], plaintext);
    }

    #[test]
    fn any_octets_in_any_chunks_are_answered_as_the_oracle_says(
        input in vec(any::<u8>(), 0..2000), sizes in vec(1usize..300, 1..5),
    ) {
        compare(&input, &sizes, Plaintext::Allowed);
    }
}

#[test]
fn the_oracle_and_the_dialogue_agree_on_a_whole_session() {
    let input = b"CAPA\r\nUSER alice\r\nPASS open sesame\r\nSTAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\n\
        RETR 4\r\nRETR 5\r\nTOP 1 0\r\nTOP 3 1\r\nLAST\r\nDELE 1\r\nDELE 5\r\nLIST\r\nRSET\r\nDELE 2\r\nSTAT\r\nQUIT\r\n";
    let oracle = compare(input, &[7], Plaintext::Allowed);
    assert_eq!(oracle.removed, Some(vec![2]));
}

#[test]
fn the_oracle_and_the_dialogue_agree_on_stls_and_auth() {
    let input =
        b"CAPA\r\nUSER alice\r\nAUTH PLAIN\r\n*\r\nSTLS\r\nCAPA\r\nAUTH\r\nAUTH XOAUTH2 AAAA\r\n\r\nSTLS\r\n\
        AUTH LOGIN\r\nYWxpY2U=\r\nb3BlbiBzZXNhbWU=\r\nAUTH\r\nDELE 1\r\nQUIT\r\n";
    let oracle = compare(input, &[1], Plaintext::Forbidden);
    assert_eq!((oracle.removed, oracle.failed, oracle.encrypted), (Some(vec![1]), 2, true));
    let oracle = compare(b"STLS\r\nNOOP\r\n", &[100], Plaintext::Allowed);
    assert!(oracle.over && !oracle.encrypted);
}
