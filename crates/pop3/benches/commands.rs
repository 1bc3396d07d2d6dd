//! The cost of a command and of an octet of a message: `cargo bench -p pop3 --bench commands`. The bench
//! `multiline` has more kinds of messages.

#[path = "../../../benches/kit.rs"]
mod kit;

use std::hint::black_box;
use std::sync::Arc;

use kit::Work;
use pop3::{Dialogue, Encoder, MessageListing, MessageNumber, MultilineDecoder, Policy, Step, Tls};

const MESSAGE: usize = 1024 * 1024;
const CHUNK: usize = 64 * 1024;

fn main() {
    kit::run(&[
        ("pop3: command, read and answered", commands),
        ("pop3: encode RETR, 76 columns, LF", || encode(b"\n")),
        ("pop3: encode RETR, 76 columns, CRLF", || encode(b"\r\n")),
        ("pop3: decode, 76 columns", decode),
    ]);
}

struct Hundred;

impl MessageListing for Hundred {
    fn count(&self) -> u32 {
        100
    }
    fn octets(&self, _: MessageNumber) -> u64 {
        21_588
    }
    fn uidl(&self, _: MessageNumber) -> &[u8] {
        b"1790000000.M000007P7.host"
    }
    fn total_octets(&self) -> u64 {
        2_158_800
    }
}

fn commands() -> (Work, Box<dyn FnMut()>) {
    let mut dialogue = Dialogue::new(Arc::new(Policy::default()), Tls::Active, Arc::new([]));
    let mut out = Vec::new();
    let mut login: &[u8] = b"USER alice\r\nPASS secret\r\n";
    let user = loop {
        if let Step::Login(login) = dialogue.step(&mut login, &mut out) {
            break login.user;
        }
    };
    dialogue.logged_in(user, Hundred, &mut out);
    let lines = b"STAT\r\nLIST 7\r\nUIDL 99\r\nNOOP\r\nDELE 12\r\nlist 50\r\nRSET\r\nuidl 3\r\n".repeat(100);
    let pass = move || {
        let mut input = black_box(&lines[..]);
        out.clear();
        while !matches!(dialogue.step(&mut input, &mut out), Step::NeedInput) {}
        assert!(input.is_empty() && out.starts_with(b"+OK"));
        black_box(&out);
    };
    (Work::Operations(800), Box::new(pass))
}

fn encode(end: &'static [u8]) -> (Work, Box<dyn FnMut()>) {
    let message = message(end);
    let mut out = Vec::with_capacity(2 * CHUNK);
    let octets = message.len();
    let pass = move || {
        let mut encoder = Encoder::retr();
        for chunk in message.chunks(CHUNK) {
            out.clear();
            encoder.encode(black_box(chunk), &mut out);
            black_box(&out);
        }
    };
    (Work::Octets(octets), Box::new(pass))
}

fn decode() -> (Work, Box<dyn FnMut()>) {
    let mut wire = message(b"\r\n");
    wire.extend_from_slice(b".\r\n");
    let octets = wire.len();
    let pass = move || {
        let mut decoder = MultilineDecoder::default();
        let mut content = 0;
        for chunk in wire.chunks(CHUNK) {
            decoder.decode(black_box(chunk), |run| content += run.len());
        }
        assert_eq!(content + 3, wire.len());
    };
    (Work::Octets(octets), Box::new(pass))
}

fn message(end: &[u8]) -> Vec<u8> {
    let mut line = vec![b'x'; 76];
    line.extend_from_slice(end);
    line.repeat(MESSAGE / line.len())
}
