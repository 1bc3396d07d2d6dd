//! Thousands of deliberately slow clients, and clients that never read.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use super::assert_served;
use super::storm::{Turn, attacker, connect, lines, log_in, room_for, sip, until_all_are_closed};
use crate::harness::{Daemon, Format, Message, eventually};

const CLIENTS: usize = 1000;
/// How much the session process may grow for one client that only sends, in octets. This includes a pending
/// reply.
const MOST_BACKLOG: u64 = 8 << 20;

/// A message of more than 10,000 octets.
fn message() -> Message {
    Message(
        format!(
            "Subject: long\n\n{}",
            "seventy octets of a long message, one line after the other\n".repeat(200)
        )
        .into(),
    )
}

#[test]
fn a_thousand_readers_of_an_octet_at_a_time_are_ended_and_keep_nobody_waiting() {
    let Some(()) = room_for(CLIENTS) else { return };
    let message = message();
    let mut daemon = Daemon::new(Format::Mbox)
        .user("beside", std::slice::from_ref(&message))
        .setting("max_servers = 1100")
        .setting("timeout = 4");
    for n in 0..CLIENTS {
        daemon = daemon.user(&format!("u{n}"), std::slice::from_ref(&message));
    }
    let daemon = daemon.start();
    let beside = daemon.account("beside");
    let readers = (0..CLIENTS).map(|n| {
        let mut stream = connect(attacker(n), daemon.port(), true).expect("a connection");
        let said = log_in(&mut stream, &format!("u{n}"), &beside.password);
        assert!(said.starts_with(b"+OK"), "{}", said.escape_ascii());
        // Ten megabytes of replies, some of which the kernel buffers.
        stream.write_all("RETR 1\r\n".repeat(1000).as_bytes()).expect("a server that listens");
        stream.set_nonblocking(true).expect("a socket");
        stream
    });
    let mut readers: Vec<TcpStream> = readers.collect();
    assert!(readers.iter_mut().all(|reader| sip(reader) != Turn::Closed));
    assert_served(&beside, "beside readers of an octet at a time");
    // These clients read a little all the time, and are still disconnected in the end. Data in the kernel's
    // buffers does not extend the time.
    eventually("the end of all of them", || {
        for reader in &mut readers {
            let _ = sip(reader);
        }
        (daemon.log().matches("reason=timeout").count() == CLIENTS).then_some(())
    });
    let memory = std::fs::read_to_string("/proc/net/tcp").expect("/proc/net/tcp");
    let local = format!("0100007F:{:04X} ", daemon.port());
    let unsent = memory.lines().filter(|line| line.split_whitespace().nth(1) == Some(local.trim()));
    assert!(unsent.count() < CLIENTS / 10, "{memory}");
    assert_served(&beside, "after them");
}

#[test]
fn a_thousand_writers_of_an_octet_at_a_time_are_ended_and_keep_nobody_waiting() {
    let Some(()) = room_for(CLIENTS) else { return };
    let daemon = Daemon::new(Format::Mbox)
        .user("beside", &[message()])
        .setting("max_servers = 1100")
        .setting("login_timeout = 3")
        .start();
    let beside = daemon.account("beside");
    let writers = (0..CLIENTS).map(|n| {
        let mut stream = connect(attacker(n), daemon.port(), false).expect("a connection");
        assert!(lines(&mut stream, 1).starts_with(b"+OK"));
        stream.set_nonblocking(true).expect("a socket");
        stream
    });
    let writers: Vec<TcpStream> = writers.collect();
    let mut octets = b"USER a-name-that-never-ends".iter().cycle();
    let mut served = false;
    until_all_are_closed(writers, |writer| {
        if !served {
            assert_served(&beside, "beside writers of an octet at a time");
            served = true;
        }
        let octet = octets.next().copied().unwrap_or(b'x');
        match writer.write(&[octet]) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Turn::Closed,
            _ => sip(writer),
        }
    });
}

#[test]
fn a_client_that_writes_a_hundred_thousand_commands_before_it_reads_gets_every_answer_in_order() {
    const COMMANDS: usize = 100_000;
    let daemon = Daemon::new(Format::Mbox).user("alice", &[message(), message()]).start();
    let mut stream = connect(Ipv4Addr::LOCALHOST, daemon.port(), true).expect("a connection");
    assert!(log_in(&mut stream, "alice", &daemon.account("alice").password).starts_with(b"+OK"));
    let before = daemon.memory();
    let pipeline: String = (0..COMMANDS).map(|n| ["NOOP\r\n", "LIST 3\r\n", "STAT\r\n"][n % 3]).collect();
    stream.write_all(pipeline.as_bytes()).expect("a server that takes it all");
    let grown = daemon.memory().saturating_sub(before);
    assert!(grown < MOST_BACKLOG, "grew by {grown} octets");
    stream.write_all(b"QUIT\r\n").expect("a server that listens");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("all answers");
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers.len(), COMMANDS + 1);
    for (n, answer) in answers.iter().take(COMMANDS).enumerate() {
        let right = match n % 3 {
            0 => answer.starts_with("+OK"),
            1 => answer.starts_with("-ERR"),
            _ => answer.starts_with("+OK 2 "),
        };
        assert!(right, "answer {n}: {answer}");
    }
}

#[test]
fn a_client_that_only_writes_costs_a_bounded_memory_and_is_ended() {
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &[message()])
        .user("beside", &[message()])
        .setting("timeout = 2")
        .start();
    let beside = daemon.account("beside");
    let mut stream = connect(Ipv4Addr::LOCALHOST, daemon.port(), true).expect("a connection");
    assert!(log_in(&mut stream, "alice", &beside.password).starts_with(b"+OK"));
    stream.set_nonblocking(true).expect("a socket");
    let (before, command) = (daemon.memory(), format!("TOP 1 {}\r\n", "0".repeat(200)));
    let mut most = 0;
    // Send until the server disconnects, and read nothing.
    eventually("the end of it", || {
        loop {
            match stream.write(command.repeat(100).as_bytes()) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Some(()),
            }
        }
        most = most.max(daemon.memory().saturating_sub(before));
        assert_served(&beside, "beside a client that only writes");
        None
    });
    assert!(most < MOST_BACKLOG, "grew by {most} octets");
}
