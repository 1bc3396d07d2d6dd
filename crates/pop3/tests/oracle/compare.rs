//! Compares a dialogue with the model. The fuzz target `dialogue` uses this, too.

#![allow(unreachable_pub, reason = "a module of a test program")]

use super::common::{Maildrop, Session};
use super::model::{BROKEN, Expected, MAX_BAD, MESSAGES, Oracle};
use pop3::{Commit, Plaintext, Policy, Tls};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most octets that one step may append, apart from messages: a piece of LIST or UIDL, or a reply.
const MOST_APPENDED: usize = 17 * 1024;

/// Runs the input in chunks of these sizes, used cyclically, and compares the output with the oracle. Returns
/// the oracle.
pub fn compare(input: &[u8], sizes: &[usize], plaintext: Plaintext) -> Oracle {
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
    assert!(session.most_appended <= MOST_APPENDED, "{} octets at once", session.most_appended);
    let mut oracle = Oracle::new(plaintext == Plaintext::Forbidden);
    let expected = oracle.answer(input, &chunk_ends);
    check(&String::from_utf8_lossy(&session.out), &expected);
    assert_eq!(session.closed.is_some(), oracle.over);
    let removed = oracle
        .removed
        .clone()
        .map(|removed| removed.into_iter().map(|n| n.try_into().expect("a small number")).collect());
    assert_eq!(session.removed, removed);
    assert_eq!(session.dialogue.tls() == Tls::Active, oracle.encrypted);
    oracle
}

fn session(maildrop: &Arc<Maildrop>, plaintext: Plaintext) -> Session {
    let policy = Policy { max_bad_commands: MAX_BAD, ..Policy::default() };
    let mut session = Session::with(maildrop, policy, Tls::Offered(plaintext));
    session.commit = Commit::Done;
    session.broken = Some(BROKEN.try_into().expect("a small number"));
    session
}

/// Takes the first line of the output.
fn line<'a>(output: &mut &'a str) -> &'a str {
    let (line, rest) =
        output.split_once("\r\n").unwrap_or_else(|| panic!("a reply is missing or incomplete: {output:?}"));
    *output = rest;
    line
}

/// Checks the whole output.
fn check(mut output: &str, expected: &[Expected]) {
    for reply in expected {
        let status = line(&mut output);
        match reply {
            Expected::Ok(text) | Expected::Body(text, _) => {
                let sent =
                    status.strip_prefix("+OK ").unwrap_or_else(|| panic!("{status:?} instead of {reply:?}"));
                assert!(text.as_ref().is_none_or(|text| text == sent), "{status:?} instead of {reply:?}");
            }
            Expected::Challenge(challenge) => assert_eq!(status, format!("+ {challenge}")),
            Expected::Err(code) => {
                let sent =
                    status.strip_prefix("-ERR ").unwrap_or_else(|| panic!("{status:?} instead of {reply:?}"));
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
