//! Handshakes that never finish, and endless new handshakes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::assert_served;
use super::storm::{StopAtEnd, attacker, connect, room_for, sip, until_all_are_closed};
use crate::harness::eventually;
use crate::tls::{openssl, secured};

/// The beginning of a ClientHello that never continues.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03half of it";

#[test]
fn handshakes_that_never_end_are_ended_and_keep_nobody_waiting() {
    const CLIENTS: usize = 1000;
    let Some(()) = room_for(CLIENTS) else { return };
    let Some(secured) = secured("login_timeout = 5\nmax_servers = 1100") else { return };
    let stalled = (0..CLIENTS).map(|n| {
        let mut stream = connect(attacker(n), secured.tls.number, false).expect("a connection");
        // Every other client sends nothing at all.
        if n % 2 == 0 {
            stream.write_all(HALF_A_HELLO).expect("a server that listens");
        }
        stream.set_nonblocking(true).expect("a socket");
        stream
    });
    let stalled: Vec<TcpStream> = stalled.collect();
    let beside = secured.daemon.account("alice");
    assert_served(&beside, "beside handshakes that never end");
    let address = format!("127.0.0.1:{}", secured.tls.number);
    let said = openssl(&[&address], "USER alice\r\nPASS secret word\r\nQUIT\r\n");
    assert!(said.trim_end().ends_with("goodbye"), "{said}");
    until_all_are_closed(stalled, sip);
}

#[test]
fn a_flood_of_handshakes_keeps_nobody_waiting() {
    const THREADS: usize = 4;
    let Some(secured) = secured("max_servers_per_ip = 50") else { return };
    let (port, stop, done) = (secured.tls.number, AtomicBool::new(false), AtomicUsize::new(0));
    let hello = hello();
    thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        for thread in 0..THREADS {
            let (stop, done, hello) = (&stop, &done, &hello);
            scope.spawn(move || {
                // The server does its part of each handshake; the client skips its own.
                while !stop.load(Ordering::Relaxed) {
                    let many = (0..20).filter_map(|n| {
                        let mut stream = connect(attacker(20 * thread + n), port, false).ok()?;
                        stream.write_all(hello).ok()?;
                        Some(stream)
                    });
                    for mut stream in many.collect::<Vec<_>>() {
                        if stream.read(&mut [0; 512]).is_ok_and(|octets| octets > 0) {
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        eventually("a flood", || (done.load(Ordering::Relaxed) > 200).then_some(()));
        assert_served(&secured.daemon.account("alice"), "beside a flood of handshakes");
    });
}

/// The first message of a client, as rustls creates it.
fn hello() -> Vec<u8> {
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .expect("the versions")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let mut client = rustls::ClientConnection::new(config.into(), name).expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("a Vec");
    hello
}
