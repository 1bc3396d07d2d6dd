//! Throughput of the multiline encoder and decoder in GB/s: `cargo bench -p pop3`.
//!
//! Each case works on 64 kB chunks of a 1 MB message, so it measures the code and the cache, not the memory
//! bus. The figure is the best of several rounds.

use pop3::{Encoder, MultilineDecoder};
use std::hint::black_box;
use std::time::Instant;

const CHUNK: usize = 64 * 1024;
const MESSAGE: usize = 1024 * 1024;
const PASSES: usize = 100;
const ROUNDS: usize = 7;

fn main() {
    let cases: [(&str, Vec<u8>); 7] = [
        ("76 columns, LF", lines(76, b"\n")),
        ("76 columns, CRLF", lines(76, b"\r\n")),
        ("1 column, LF", lines(1, b"\n")),
        ("1 column, CRLF", lines(1, b"\r\n")),
        ("empty lines, LF", lines(0, b"\n")),
        ("lines of one dot, LF", b".\n".repeat(MESSAGE / 2)),
        ("one line", vec![b'x'; MESSAGE]),
    ];
    println!("{:<22} {:>12} {:>12} {:>12} {:>12}", "GB/s of input", "copy", "RETR", "TOP (all)", "decode");
    for (name, message) in &cases {
        let mut out = Vec::with_capacity(2 * CHUNK + 16);
        let copy = rate(message.len(), || {
            for chunk in message.chunks(CHUNK) {
                out.clear();
                out.extend_from_slice(black_box(chunk));
                black_box(&out);
            }
        });
        let mut encode = |make: fn() -> Encoder| {
            rate(message.len(), || {
                let mut encoder = make();
                for chunk in message.chunks(CHUNK) {
                    out.clear();
                    encoder.encode(black_box(chunk), &mut out);
                    black_box(&out);
                }
            })
        };
        let retr = encode(Encoder::retr);
        let top = encode(|| Encoder::top(u64::MAX));
        let mut wire = Vec::new();
        let mut encoder = Encoder::retr();
        encoder.encode(message, &mut wire);
        encoder.finish(&mut wire);
        let decode = rate(wire.len(), || {
            let mut decoder = MultilineDecoder::default();
            for chunk in wire.chunks(CHUNK) {
                out.clear();
                decoder.decode(black_box(chunk), |run| out.extend_from_slice(run));
                black_box(&out);
            }
        });
        println!("{name:<22} {copy:>12.2} {retr:>12.2} {top:>12.2} {decode:>12.2}");
    }
}

/// A message of lines of `columns` octets each.
fn lines(columns: usize, end: &[u8]) -> Vec<u8> {
    let mut line = vec![b'x'; columns];
    line.extend_from_slice(end);
    line.repeat(MESSAGE / line.len())
}

/// Octets per nanosecond, which is GB/s.
#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn rate(octets: usize, mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..PASSES {
            work();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    (octets * PASSES) as f64 / best / 1e9
}
