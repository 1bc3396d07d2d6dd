//! The encoder and the decoder against naive ones, with any message in any chunks.

mod naive;

use naive::{naive_crlf, naive_lines, naive_reply, naive_top};
use pop3::{EncodeProgress, Encoder, MultilineDecoder, octets};
use proptest::collection::vec;
use proptest::prelude::*;

/// Messages in which line ends, dots and CRs are frequent.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![
        4 => Just(b'\n'), 3 => Just(b'\r'), 3 => Just(b'.'), 3 => Just(b'x'),
        1 => Just(0u8), 1 => any::<u8>(),
    ];
    let dense = vec(octet, 0..80);
    let text = vec(
        prop_oneof![Just("\n"), Just("\r\n"), Just("."), Just("a longer run of octets, of some words")],
        0..60,
    );
    prop_oneof![3 => dense, 1 => text.prop_map(|pieces| pieces.concat().into_bytes())]
}

/// Sizes of chunks, used cyclically.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1usize..12, 1..6)
}

fn chunks<'a>(message: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let (mut rest, mut found) = (message, Vec::new());
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        found.push(chunk);
        rest = tail;
    }
    found
}

fn encode(mut encoder: Encoder, chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in chunks {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn retr_is_what_a_naive_encoder_writes(message in message(), sizes in sizes()) {
        let expected = naive_reply(&naive_lines(&message));
        prop_assert_eq!(encode(Encoder::retr(), &chunks(&message, &sizes)), expected.clone());
        prop_assert_eq!(encode(Encoder::retr(), &[&message]), expected);
    }

    #[test]
    fn top_is_what_a_naive_encoder_writes(message in message(), sizes in sizes(), lines in 0u64..8) {
        let expected = naive_top(&message, lines);
        prop_assert_eq!(encode(Encoder::top(lines), &chunks(&message, &sizes)), expected.clone());
        prop_assert_eq!(encode(Encoder::top(lines), &[&message]), expected);
    }

    #[test]
    fn octets_are_those_on_the_wire_before_stuffing(message in message()) {
        let wire = naive_crlf(&naive_lines(&message));
        prop_assert_eq!(octets(&message), u64::try_from(wire.len()).unwrap());
        let mut encoder = Encoder::retr();
        let mut out = Vec::new();
        encoder.encode(&message, &mut out);
        let missing = if message.is_empty() || message.ends_with(b"\n") { 0 } else { 2 };
        prop_assert_eq!(encoder.octets() + missing, u64::try_from(wire.len()).unwrap());
    }

    #[test]
    fn the_decoder_gives_the_message_back_and_leaves_what_follows(
        message in message(), encoded in sizes(), decoded in sizes(), next in vec(any::<u8>(), 0..20),
    ) {
        let mut wire = encode(Encoder::retr(), &chunks(&message, &encoded));
        let reply = wire.len();
        wire.extend(&next);
        let (mut decoder, mut content) = (MultilineDecoder::default(), Vec::new());
        let (mut used, mut ended) = (0, false);
        for chunk in chunks(&wire, &decoded) {
            let step = decoder.decode(chunk, |run| content.extend_from_slice(run));
            used += step.consumed;
            ended = step.ended;
            if ended {
                break;
            }
            prop_assert_eq!(step.consumed, chunk.len());
        }
        prop_assert!(ended);
        prop_assert_eq!(used, reply);
        prop_assert_eq!(content, naive_crlf(&naive_lines(&message)));
    }

    #[test]
    fn the_decoder_takes_any_octets_in_any_chunks(wire in message(), sizes in sizes()) {
        let run = |chunks: &[&[u8]]| {
            let (mut decoder, mut content, mut used) = (MultilineDecoder::default(), Vec::new(), 0);
            for chunk in chunks {
                let step = decoder.decode(chunk, |run| content.extend_from_slice(run));
                used += step.consumed;
                if step.ended {
                    break;
                }
            }
            (content, used)
        };
        prop_assert_eq!(run(&chunks(&wire, &sizes)), run(&[&wire]));
    }
}
