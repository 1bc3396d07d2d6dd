//! Sessions that are logged in and idle.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::storm::{connect, log_in, room_for};
use super::{assert_served, storm};
use crate::harness::{Daemon, Format, Message, need};

const SESSIONS: usize = 15_000;
/// The most memory that one session may cost in all processes of mpopd together, in octets.
const MOST_EACH: u64 = 20_000;
/// The client threads.
const THREADS: usize = 8;

#[test]
fn fifteen_thousand_idle_sessions_cost_less_than_20_kb_each() {
    let Some(()) = need::root() else { return };
    let Some(()) = room_for(SESSIONS) else { return };
    let message = Message(b"Subject: hello\n\nThis is for you.\n".to_vec());
    let mut daemon = Daemon::new(Format::Mbox)
        .user("beside", std::slice::from_ref(&message))
        .setting("max_servers = 16000")
        .setting("max_servers_per_ip = 16000")
        .setting("timeout = 3600")
        .setting("log_level = \"warn\"");
    for n in 0..SESSIONS {
        daemon = daemon.user(&format!("u{n}"), std::slice::from_ref(&message));
    }
    let daemon = daemon.start();
    let beside = daemon.account("beside");
    // This starts the maildrop process, whose own memory is not part of the sessions' cost.
    beside.login_when_free().quit();
    let before = daemon.memory();

    let (port, password) = (daemon.port(), beside.password.as_str());
    let share = |thread: usize| {
        let users = (thread..SESSIONS).step_by(THREADS).map(|n| format!("u{n}"));
        let sessions = users.map(|user| {
            let mut stream = connect(Ipv4Addr::LOCALHOST, port, false).expect("a connection");
            let said = log_in(&mut stream, &user, password);
            assert_eq!(said.split(|&b| b == b'\n').filter(|line| line.starts_with(b"+OK")).count(), 3);
            stream
        });
        sessions.collect::<Vec<_>>()
    };
    let mut sessions = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || share(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("its sessions")).collect::<Vec<_>>()
    });
    assert_eq!(sessions.len(), SESSIONS);

    let each = daemon.memory().saturating_sub(before) / u64::try_from(SESSIONS).expect("a number");
    eprintln!("{each} octets for each of {SESSIONS} idle sessions");
    assert!(each <= MOST_EACH, "{each} octets for each session");
    assert_served(&beside, "beside 15,000 idle sessions");
    for stream in sessions.iter_mut().step_by(SESSIONS / 100) {
        std::io::Write::write_all(stream, b"STAT\r\n").expect("an open session");
        assert!(storm::lines(stream, 1).starts_with(b"+OK 1 "), "no session may end");
    }
    // Reset the connections, so that no ports stay in TIME_WAIT. Half of all ports would be missing for later
    // tests.
    for stream in &sessions {
        set_socket_linger(stream, Some(Duration::ZERO)).expect("SO_LINGER");
    }
}
