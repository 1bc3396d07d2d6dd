//! Messages on the wire: in any chunks, the encoder must send what RFC 1939 says, and an independent decoder
//! must give the message back with the announced number of octets. The client's side must accept any octets.
//!
//! Input: the number of lines for TOP, three chunk sizes, then a message.
#![no_main]

#[path = "../../crates/pop3/tests/multiline/naive.rs"]
mod naive;

use fuzz::{Input, chunks, on_wire};
use libfuzzer_sys::fuzz_target;
use naive::{naive_lines, naive_reply, naive_top};
use pop3::{EncodeProgress, Encoder, MultilineDecoder, ReplyReader, octets};

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [lines, sizes @ ..], content: message }) = Input::new(data, 4) else { return };
    let announced = octets(message);
    assert_eq!(announced, u64::try_from(on_wire(message).len()).expect("64 bits"));

    let wire = encode(Encoder::retr(), message, sizes);
    assert_eq!(wire, naive_reply(&naive_lines(message)));
    assert_eq!(wire, encode(Encoder::retr(), message, &[255]));
    assert_eq!(decode(&wire), on_wire(message));
    assert_eq!(client(&wire, sizes), (on_wire(message), wire.len(), true));

    let lines = u64::from(*lines);
    assert_eq!(encode(Encoder::top(lines), message, sizes), naive_top(message, lines));

    // The message itself, as if a server had sent it.
    assert_eq!(client(message, sizes), client(message, &[0]));
    assert_eq!(replies(message, sizes), replies(message, &[0]));
});

fn encode(mut encoder: Encoder, message: &[u8], sizes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks(message, sizes) {
        let before = out.len();
        let progress = encoder.encode(chunk, &mut out);
        assert!(out.len() - before <= 2 * chunk.len());
        if progress == EncodeProgress::Enough {
            break;
        }
    }
    encoder.finish(&mut out);
    out
}

/// RFC 1939, section 3, to the letter.
fn decode(mut wire: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    loop {
        let end = wire.windows(2).position(|pair| pair == b"\r\n").expect("the reply ends with a line") + 2;
        let (line, rest) = wire.split_at(end);
        if line == b".\r\n" {
            assert_eq!(rest, b"", "nothing follows the end");
            return message;
        }
        message.extend(line.strip_prefix(b".").unwrap_or(line));
        wire = rest;
    }
}

/// Decodes with the client's side. Returns the message so far, the number of octets used, and whether it has
/// ended.
fn client(wire: &[u8], sizes: &[u8]) -> (Vec<u8>, usize, bool) {
    let (mut decoder, mut message, mut used) = (MultilineDecoder::default(), Vec::new(), 0);
    for chunk in chunks(wire, sizes) {
        let step = decoder.decode(chunk, |run| message.extend_from_slice(run));
        used += step.consumed;
        if step.ended {
            return (message, used, true);
        }
        assert_eq!(step.consumed, chunk.len());
    }
    (message, used, false)
}

/// The status lines that a client reads, up to the first invalid one.
fn replies(wire: &[u8], sizes: &[u8]) -> Vec<String> {
    let (mut reader, mut found) = (ReplyReader::default(), Vec::new());
    for mut chunk in chunks(wire, sizes) {
        loop {
            match reader.read(&mut chunk) {
                Ok(Some(reply)) => {
                    found.push(format!("{:?} {:?} {:?}", reply.kind(), reply.code(), reply.text()))
                }
                Ok(None) => break,
                Err(error) => {
                    found.push(error.to_string());
                    return found;
                }
            }
        }
    }
    found
}
