//! Generators of what clients send.

#![allow(unreachable_pub, reason = "a module of a test program")]

use super::model::MESSAGES;
use proptest::collection::vec;
use proptest::prelude::*;

/// A dialogue that begins with a login or with attempts to log in.
pub fn dialogue() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![login_line(), sasl_line()];
    let login = vec(line.prop_map(|line| format!("{line}\r\n")), 0..8).prop_map(|lines| lines.concat());
    let start = prop_oneof![
        Just("USER alice\r\nPASS open sesame\r\n".to_owned()),
        Just("AUTH PLAIN AGFsaWNlAG9wZW4gc2VzYW1l\r\n".to_owned()),
        login.clone(),
        login,
    ];
    (start, vec(client_line(), 0..50))
        .prop_map(|(start, lines)| [start.into_bytes(), lines.concat()].concat())
}

/// Lines of a client that knows the protocol, so that sessions get long and reach many states.
fn good_line() -> impl Strategy<Value = String> {
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let number = 1..=MESSAGES.len();
    prop_oneof![
        4 => word(&["STAT", "LIST", "UIDL", "LAST", "last", "NOOP", "CAPA", "LANG"]).prop_map(String::from),
        1 => word(&["LANG de", "lang DE-at", "LANG *", "LANG en", "LANG sv", "UTF8"]).prop_map(String::from),
        1 => Just("RSET".to_owned()),
        6 => (word(&["RETR", "Retr", "DELE", "LIST", "uidl"]), number.clone())
            .prop_map(|(verb, n)| format!("{verb} {n}")),
        2 => (number, 0..4).prop_map(|(n, lines)| format!("TOP {n} {lines}")),
    ]
}

/// Lines for a login, right and wrong.
fn login_line() -> impl Strategy<Value = String> {
    let lines = [
        "USER alice",
        "USER busy",
        "USER down",
        "USER many",
        "PASS open sesame",
        "pass open sesame",
        "PASS wrong",
        "USER alice\r\nPASS open sesame",
        "USER alice\r\nPASS wrong",
        "USER busy\r\nPASS open sesame",
        "CAPA",
        "UTF8",
        "LANG de-CH",
        "LANG",
    ];
    prop::sample::select(lines.to_vec()).prop_map(String::from)
}

/// Lines of SASL exchanges and STLS, in no order.
fn sasl_line() -> impl Strategy<Value = String> {
    let said = [
        &b"alice"[..],
        b"open sesame",
        b"",
        b"busy",
        b"\0alice\0open sesame",
        b"\0busy\0open sesame",
        b"\0alice\0wrong",
        b"bob\0alice\0open sesame",
        b"\0\xff\0open sesame",
    ];
    let said = prop_oneof![
        8 => prop::sample::select(said.to_vec()).prop_map(base64),
        1 => "[A-Za-z0-9+/]{0,9}={0,3}",
        1 => "[*= A]{0,3}",
    ];
    let name = prop::sample::select(vec!["PLAIN", "plain", "LOGIN", "XOAUTH2", "SCRAM-SHA-1", "PLAINER"]);
    let whole = [
        "AUTH LOGIN\r\nYWxpY2U=\r\nb3BlbiBzZXNhbWU=",
        "AUTH PLAIN AGFsaWNlAG9wZW4gc2VzYW1l",
        "AUTH PLAIN\r\nAGFsaWNlAG9wZW4gc2VzYW1l",
        "AUTH XOAUTH2\r\nb3BlbiBzZXNhbWU=",
        "AUTH XOAUTH2 AAAA\r\n",
        "AUTH",
        "STLS",
        "stls",
        "STLS\r\nSTLS",
        "*",
    ];
    prop_oneof![
        20 => said.clone(),
        20 => name.clone().prop_map(|name| format!("AUTH {name}")),
        20 => (name, said).prop_map(|(name, said)| format!("auth {name} {said}")),
        40 => prop::sample::select(whole.to_vec()).prop_map(String::from),
        1 => (12_260usize..12_300).prop_map(|length| format!("AUTH PLAIN {}", "A".repeat(length - 11))),
        1 => (12_260usize..12_300).prop_map(|length| "A".repeat(length)),
    ]
}

/// Lines that are mostly wrong.
fn bad_line() -> impl Strategy<Value = Vec<u8>> {
    let word = |words: &'static [&'static str]| prop::sample::select(words);
    let number = word(&["0", "02", "6", "-1", "+1", "4294967297", "x", " 2 ", "1 1", ""]);
    let verb = word(&[
        "STAT", "LIST", "UIDL", "RETR", "DELE", "NOOP", "RSET", "LAST", "CAPA", "STLS", "UTF8", "LANG",
        "HELP",
    ]);
    let top = (word(&["1", "9", "0"]), word(&["-1", "+1", "", "99"]));
    let text = prop_oneof![
        4 => (verb, number).prop_map(|(verb, number)| format!("{verb} {number}")),
        1 => top.prop_map(|(number, lines)| format!("TOP {number} {lines}")),
        1 => word(&["USER", "PASS", "PASS ", "USER a\tb", "QUIT now", ""]).prop_map(String::from),
        1 => (240usize..270).prop_map(|length| format!("NOOP{}", " ".repeat(length - 4))),
    ];
    prop_oneof![4 => text.prop_map(String::into_bytes), 1 => vec(any::<u8>(), 0..12)]
}

fn client_line() -> impl Strategy<Value = Vec<u8>> {
    let content = prop_oneof![
        40 => good_line().prop_map(String::into_bytes),
        8 => login_line().prop_map(String::into_bytes),
        8 => sasl_line().prop_map(String::into_bytes),
        8 => bad_line(),
        1 => Just(b"QUIT".to_vec()),
    ];
    let ends: &[&str] = &["\r\n", "\r\n", "\r\n", "\r\n", "\n", "\n", "\r\r\n", ""];
    (content, prop::sample::select(ends)).prop_map(|(mut line, end)| {
        line.extend(end.as_bytes());
        line
    })
}

fn base64(octets: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in octets.chunks(3) {
        let bits =
            three.iter().fold(0, |bits, octet| bits << 8 | usize::from(*octet)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = ALPHABET[bits >> (18 - 6 * place) & 63];
            text.push(if place > three.len() { '=' } else { digit.into() });
        }
    }
    text
}
