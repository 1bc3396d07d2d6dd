//! More connections than the server accepts, and logins that never finish.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::storm::{StopAtEnd, attacker, connect, lines, room_for};
use super::{assert_served, is_turned_away, timed_session};
use crate::harness::{Daemon, Format, Pop3Client, eventually, messages};

#[test]
fn connections_that_do_nothing_make_room_for_whoever_logs_in() {
    const PLACES: usize = 100;
    let Some(()) = room_for(5000) else { return };
    let daemon = Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user("beside", &messages::ordinary())
        .setting(&format!("max_servers = {PLACES}"))
        .start();
    let mut inside = daemon.account("alice").login_when_free();
    let (port, stop, came) = (daemon.port(), AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let _stop = StopAtEnd(&stop);
        // Never stop connecting, from more and more addresses, and keep each connection as long as possible.
        scope.spawn(|| {
            let mut open: Vec<TcpStream> = Vec::new();
            while !stop.load(Ordering::Relaxed) && open.len() < 4000 {
                let n = came.fetch_add(1, Ordering::Relaxed);
                open.extend(connect(attacker(n), port, false));
            }
        });
        eventually("a full server", || (came.load(Ordering::Relaxed) > 2 * PLACES).then_some(()));
        let beside = daemon.account("beside");
        eventually("a session in the midst of it", || {
            let done = beside.try_login().and_then(|mut pop| pop.ask("QUIT"));
            done.is_ok_and(|reply| reply.starts_with("+OK")).then_some(())
        });
    });
    inside.ok("NOOP");
    inside.body("RETR 1");
    inside.quit();
    assert_served(&daemon.account("beside"), "after the flood");
    daemon.logged(&["connection refused", "ip=127.1.", "reason=limit"]);
}

#[test]
fn one_address_gets_no_more_than_its_places() {
    const PLACES: usize = 10;
    let daemon = Daemon::new(Format::Mbox)
        .user("beside", &messages::ordinary())
        .setting(&format!("max_servers_per_ip = {PLACES}"))
        .start();
    let flood = (0..300).map(|_| {
        let mut stream = connect(attacker(0), daemon.port(), false).expect("a connection");
        let greeting = lines(&mut stream, 1);
        (stream, greeting)
    });
    let (let_in, refused): (Vec<_>, Vec<_>) = flood.partition(|(_, greeting)| greeting.starts_with(b"+OK"));
    assert_eq!(let_in.len(), PLACES);
    assert!(refused.iter().all(|(_, greeting)| greeting.starts_with(b"-ERR [SYS/TEMP] ")));
    assert_served(&daemon.account("beside"), "beside an address that has too many");
}

#[test]
fn a_flood_of_refusals_fills_no_log() {
    let daemon = Daemon::new(Format::Mbox).user("beside", &[]).setting("max_servers_per_ip = 2").start();
    let held = eventually("both places", || {
        let held =
            [Pop3Client::try_connect(daemon.port()).ok()?, Pop3Client::try_connect(daemon.port()).ok()?];
        held.iter().all(|pop| pop.greeting().starts_with("+OK")).then_some(held)
    });
    for _ in 0..2000 {
        assert!(is_turned_away(&Pop3Client::try_connect(daemon.port()).expect("a line")));
    }
    drop(held);
    daemon.account("beside").login_when_free().quit();
    daemon.logged(&["logout", "user=<beside>"]);
    let lines = daemon.log().matches("connection refused").count();
    assert!((1..=300).contains(&lines), "{lines} lines");
}

#[test]
fn logins_that_never_end_keep_nobody_out() {
    const CLIENTS: usize = 2400;
    let Some(()) = room_for(CLIENTS) else { return };
    let daemon = Daemon::new(Format::Mbox)
        .user("beside", &messages::ordinary())
        .setting(&format!("max_servers = {}", CLIENTS + 100))
        .setting("auth_processes = 4")
        .setting("sasl_mechanisms = [\"PLAIN\", \"LOGIN\"]")
        .start();
    let beside = daemon.account("beside");
    let begin = |n: usize| {
        let mut stream = connect(attacker(n), daemon.port(), false).expect("a connection");
        let (command, replies) = match n % 4 {
            0 => ("USER beside\r\n", 2),
            // More logins than all auth processes can hold together.
            _ => ("AUTH LOGIN\r\n", 2),
        };
        stream.write_all(command.as_bytes()).expect("a server that listens");
        let said = lines(&mut stream, replies);
        assert!(
            said.starts_with(b"+OK") && !said.windows(4).any(|w| w == b"-ERR"),
            "{}",
            said.escape_ascii()
        );
        stream
    };
    let half_open: Vec<TcpStream> = (0..CLIENTS).map(begin).collect();
    assert_served(&beside, "beside logins that never end");
    // Log in by SASL, too, with all the steps of the exchanges that the flood never finishes.
    let mut pop = Pop3Client::connect(daemon.port());
    for (line, reply) in [("AUTH LOGIN", "+ "), ("YmVzaWRl", "+ "), ("c2VjcmV0IHdvcmQ=", "+OK")] {
        let said = pop.ask(line).expect("a reply");
        assert!(said.starts_with(reply), "{line}: {said}");
    }
    pop.quit();
    drop(half_open);
    timed_session(&beside);
}
