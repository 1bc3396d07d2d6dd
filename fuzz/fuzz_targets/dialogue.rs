//! The whole dialogue against the model in crates/pop3/tests/oracle: any octets, in any chunks, pipelined or
//! not, must be answered as the model says, and no dialogue may keep more of them than its limits allow.
//!
//! Input: an octet of switches, three chunk sizes, then what the client sends.
#![no_main]

#[path = "../../crates/pop3/tests/common/mod.rs"]
mod common;
#[path = "../../crates/pop3/tests/oracle/compare.rs"]
mod compare;
#[path = "../../crates/pop3/tests/oracle/model.rs"]
mod model;

use cap::Cap;
use common::{Maildrop, Session};
use compare::compare;
use fuzz::{Input, chunks};
use libfuzzer_sys::fuzz_target;
use model::MESSAGES;
use pop3::{MAX_SASL_LINE, Plaintext};
use std::alloc::System;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// The most octets that a connection may keep between two reads: the longest line twice, while the buffer
/// grows, and what the test driver keeps of an exchange.
const MOST_KEPT: usize = 5 * MAX_SASL_LINE;

/// Switch: no passwords without encryption.
const FORBIDDEN: u8 = 1;
/// Switch: repeat the last octet [`MORE`] times.
const LONG: u8 = 2;
const MORE: usize = MAX_SASL_LINE + 1000;

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [switches, sizes @ ..], content }) = Input::new(data, 4) else { return };
    let plaintext = if switches & FORBIDDEN != 0 { Plaintext::Forbidden } else { Plaintext::Allowed };
    let mut sent = content.to_vec();
    if switches & LONG != 0 {
        sent.extend(vec![sent.last().copied().unwrap_or_default(); MORE]);
    }
    let sizes: Vec<usize> = sizes.iter().map(|size| usize::from(*size) + 1).collect();
    compare(&sent, &sizes, plaintext);
    if switches & LONG == 0 {
        compare(&sent, &[1], plaintext);
        compare(&sent, &[sent.len().max(1)], plaintext);
    }
    keeps_little(&sent);
});

fn keeps_little(sent: &[u8]) {
    let maildrop = Maildrop::new(&MESSAGES);
    let before = MEMORY.allocated();
    let mut session = Session::new(&maildrop);
    for chunk in chunks(sent, &[200]) {
        if session.closed.is_some() {
            return;
        }
        session.receive(chunk);
        session.out = Vec::new();
        let kept = MEMORY.allocated().saturating_sub(before);
        assert!(kept <= MOST_KEPT, "{kept} octets are kept");
    }
}
