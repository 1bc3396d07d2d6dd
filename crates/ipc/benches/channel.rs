//! The cost of a request from session to maildrop: `cargo bench -p ipc --bench channel`.

#[path = "../../../benches/kit.rs"]
mod kit;

use std::fs::File;
use std::hint::black_box;
use std::os::fd::AsFd;
use std::thread;

use ipc::Ticket;
use ipc::mail::{BodyExtent, FromMaildrop, ToMaildrop};
use ipc::wire::{self, MOST_OCTETS, Wait};
use kit::Work;
use sys::seqpacket;

fn main() {
    kit::run(&[
        ("ipc: encode and decode a fetch", || {
            let request = ToMaildrop::Fetch { ticket: ticket(), first: 7, window: 32 };
            (
                Work::Operations(1),
                Box::new(move || {
                    let octets = wire::encode(black_box(&request)).expect("a message within its bounds");
                    black_box(wire::decode::<ToMaildrop>(&octets)).expect("what was encoded");
                }),
            )
        }),
        ("ipc: round trip, 1 descriptor back", || round_trip(1)),
        ("ipc: round trip, 32 descriptors back", || round_trip(32)),
    ]);
}

/// A fetch, and its reply by another thread with this number of descriptors.
fn round_trip(descriptors: usize) -> (Work, Box<dyn FnMut()>) {
    let (session, maildrop) = seqpacket::pair().expect("a pair of sockets");
    // The thread ends when its peer is closed, with the case.
    thread::spawn(move || {
        let mut buffer = vec![0; MOST_OCTETS];
        let message = File::open("/dev/null").expect("/dev/null");
        let bodies = vec![message.as_fd(); descriptors];
        while let Ok(Some((ToMaildrop::Fetch { ticket, first, .. }, _))) =
            wire::receive::<ToMaildrop>(&maildrop, &mut buffer, Wait::Forever)
        {
            let extent = |descriptor| BodyExtent { descriptor, offset: 0, length: 4000, prefix: Vec::new() };
            let extents =
                (0..u8::try_from(descriptors).expect("at most 32 descriptors")).map(extent).collect();
            let answer = FromMaildrop::Fetched { ticket, first, extents };
            if wire::send(&maildrop, &answer, &bodies, Wait::Forever).is_err() {
                break;
            }
        }
    });
    let request = ToMaildrop::Fetch { ticket: ticket(), first: 7, window: 32 };
    let mut buffer = vec![0; MOST_OCTETS];
    let trip = move || {
        wire::send(&session, &request, &[], Wait::Forever).expect("a living peer");
        let answer = wire::receive::<FromMaildrop>(&session, &mut buffer, Wait::Forever).expect("an answer");
        black_box(answer);
    };
    (Work::Operations(1), Box::new(trip))
}

fn ticket() -> Ticket {
    Ticket::issue().expect("random numbers")
}
