//! The dialogue against an oracle: a model of RFC 1939 that was written independently, of strings and
//! vectors, with none of the types of this crate. However the input is split into chunks, the dialogue must
//! answer as the oracle answers all of it.
//!
//! The oracle knows that TLS allows more mechanisms and that nothing may follow STLS in the same chunk, which
//! is the only rule that depends on the chunks. It knows the SASL mechanisms of the test driver.
//!
//! The oracle predicts of every reply what programs act on: the status, the response code, the numbers and
//! the body, but not the text for humans.

mod client;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod model;

use compare::compare;
use pop3::Plaintext;
use proptest::collection::vec;
use proptest::prelude::*;

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
    let input = b"CAPA\r\nUSER alice\r\nPASS open sesame\r\nSTAT\r\nLIST\r\nUIDL\r\n\
        RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\nRETR 5\r\nTOP 1 0\r\nTOP 3 1\r\nLAST\r\n\
        DELE 1\r\nDELE 5\r\nLIST\r\nRSET\r\nDELE 2\r\nSTAT\r\nQUIT\r\n";
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
