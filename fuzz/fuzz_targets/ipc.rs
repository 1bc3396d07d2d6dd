//! Messages between roles: no octets make decoding panic, and a decoded message is the same after encoding
//! and decoding it again. The same holds for packed payloads.
//!
//! Input: the kind of message, then its octets.
#![no_main]

use fuzz::Input;
use ipc::payload::PayloadOctets;
use ipc::wire::{decode, encode};
use ipc::{ChannelMessage, ListingBuilder, MessageNumbers, PackedListing, SessionUpdate};
use ipc::{control, directory, hire, log, login, mail, open, report, steer};
use libfuzzer_sys::fuzz_target;
use std::fmt::Debug;

fuzz_target!(|data: &[u8]| {
    let Some(Input { control: [kind], content }) = Input::new(data, 1) else { return };
    match kind % 23 {
        0 => round_trip::<login::LoginRequest>(content),
        1 => round_trip::<login::Decision>(content),
        2 => round_trip::<login::ExchangeResponse>(content),
        3 => round_trip::<login::ExchangeReply>(content),
        4 => round_trip::<open::OpenRequest>(content),
        5 => round_trip::<mail::ToMaildrop>(content),
        6 => round_trip::<mail::FromMaildrop>(content),
        7 => round_trip::<hire::HireRequest>(content),
        8 => round_trip::<hire::Hired>(content),
        9 => round_trip::<steer::ToSession>(content),
        10 => round_trip::<steer::FromSession>(content),
        11 => round_trip::<control::ControlRequest>(content),
        12 => round_trip::<control::ControlReply>(content),
        13 => round_trip::<log::LogLine>(content),
        14 => round_trip::<log::ToLog>(content),
        15 => round_trip::<directory::DirectoryRequest>(content),
        16 => round_trip::<directory::DirectoryAnswer>(content),
        17 => round_trip::<directory::ToDirectory>(content),
        18 => round_trip::<directory::FromDirectory>(content),
        19 => listing(content),
        20 => numbers(content),
        21 => update(content),
        _ => connections(content),
    }
});

fn round_trip<M: ChannelMessage + PartialEq + Debug>(octets: &[u8]) {
    let Ok(message) = decode::<M>(octets) else { return };
    let encoded = encode(&message).expect("what was decoded is within its bounds");
    assert_eq!(decode::<M>(&encoded).expect("what was encoded can be decoded"), message);
    // One octet less or more is not a message.
    for other in [&encoded[..encoded.len().saturating_sub(1)], &[&encoded[..], b"\0"].concat()] {
        if other.len() != encoded.len() {
            assert!(decode::<M>(other).is_err(), "{message:?}");
        }
    }
}

fn own(octets: &[u8]) -> PayloadOctets {
    PayloadOctets::Own(octets.into())
}

fn listing(octets: &[u8]) {
    let Ok(listing) = PackedListing::parse(own(octets)) else { return };
    let mut builder = ListingBuilder::with_capacity(listing.count());
    let mut total = 0;
    for number in 1..=listing.count() {
        total += listing.octets(number);
        builder.push(listing.octets(number), listing.uidl(number)).expect("a message of a listing");
    }
    assert_eq!(listing.total_octets(), total);
    assert_eq!((listing.octets(0), listing.uidl(0)), (0, &b""[..]));
    assert_eq!(builder.finish(), octets);
}

/// The number of messages in the maildrop.
const COUNT: u32 = 1000;

fn numbers(octets: &[u8]) {
    let Ok(numbers) = MessageNumbers::unpack(octets, COUNT) else { return };
    let all = numbers.numbers();
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]) && all.iter().all(|n| (1..=COUNT).contains(n)));
    assert_eq!(MessageNumbers::unpack(&numbers.pack(), COUNT).expect("what was packed"), numbers);
}

fn update(octets: &[u8]) {
    let Ok(update) = SessionUpdate::unpack(&own(octets), COUNT) else { return };
    assert_eq!(SessionUpdate::unpack(&own(&update.pack()), COUNT).expect("what was packed"), update);
}

fn connections(octets: &[u8]) {
    let Ok(connections) = report::unpack(&own(octets)) else { return };
    let (payload, descriptor) = report::pack(&connections).expect("what was unpacked");
    let again = payload.unpack(descriptor, u64::MAX).and_then(|octets| report::unpack(&octets));
    assert_eq!(format!("{:?}", again.expect("what was packed")), format!("{connections:?}"));
}
