//! The machine runs out of descriptors, memory or processes. Running sessions go on, new clients are told to
//! try again later, and afterwards everything works as before.

use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use super::storm::{connect, lines, room_for};
use super::{assert_served, is_turned_away, timed_session};
use crate::harness::{Daemon, Format, MPOPD, Pop3Client, Process, Scratch, eventually, messages, need};

const SESSION: &str = "mpopd-session";
/// A limit below the number of descriptors in use, which stay open.
const NONE_LEFT: u64 = 3;
const MAILDROP: &str = "mpopd-maildrop";

fn daemon() -> Daemon {
    Daemon::new(Format::Mbox)
        .user("alice", &messages::ordinary())
        .user("beside", &messages::ordinary())
        .setting("max_servers_per_ip = 2000")
}

/// Asserts that a running session can still execute commands and fetch mail.
fn assert_goes_on(pop: &mut Pop3Client) {
    pop.ok("NOOP");
    assert_eq!(pop.body("RETR 2"), messages::ordinary()[1].wire());
}

#[test]
fn whoever_finds_no_descriptor_is_told_so_and_sessions_go_on() {
    let Some(()) = need::root() else { return };
    // A hard limit, which only root may raise.
    const DESCRIPTORS: u32 = 128;
    let scratch = Scratch::new();
    let program = scratch.file(
        "mpopd",
        format!("#!/bin/sh\nulimit -n {DESCRIPTORS}\nexec '{}' \"$@\"\n", copy(&scratch).display()),
    );
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a script");
    let daemon = daemon().owned_by_its_user().run_by(&program).start();
    let mut inside = daemon.account("alice").login();
    let crowd: Vec<Pop3Client> = (0..40).map(|_| stranger(&daemon)).collect();
    assert!(crowd.iter().all(|pop| pop.greeting().starts_with("+OK")));
    daemon.logged(&["max_servers: ", "at a time", "LimitNOFILE"]);
    // Beyond the limit, connections that have not logged in are closed to make room for new ones.
    let more: Vec<Pop3Client> = (0..200).map(|_| stranger(&daemon)).collect();
    assert_goes_on(&mut inside);
    timed_session(&daemon.account("beside"));
    assert!(!daemon.log().contains("no connection can be accepted"), "{}", daemon.log());
    drop((crowd, more));
    inside.quit();
    assert_served(&daemon.account("beside"), "afterwards");
}

/// Copies the program to where the owner of the mail can run it.
fn copy(scratch: &Scratch) -> std::path::PathBuf {
    let copy = scratch.path().join("program");
    std::fs::copy(MPOPD, &copy).expect("a copy of mpopd");
    copy
}

fn stranger(daemon: &Daemon) -> Pop3Client {
    Pop3Client::try_connect(daemon.port()).expect("a greeting")
}

#[test]
fn every_role_may_have_as_many_descriptors_as_the_administrator_allows() {
    let scratch = Scratch::new();
    // Shells and init scripts set a low soft limit, which programs are expected to raise.
    let program = scratch.file("mpopd", format!("#!/bin/sh\nulimit -S -n 256\nexec '{MPOPD}' \"$@\"\n"));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a script");
    let daemon = daemon().run_by(&program).start();
    let _open = daemon.account("alice").login();
    let roles = [SESSION, MAILDROP, "mpopd-auth"].map(|role| daemon.role(role)[0]);
    for process in roles.into_iter().chain([daemon.supervisor()]) {
        let (soft, hard) = process.descriptor_limits();
        assert_eq!(soft, hard, "{}", process.name());
    }
}

#[test]
fn a_session_role_without_descriptors_pauses_says_so_once_and_goes_on() {
    let Some(()) = need::root() else { return };
    let Some(()) = room_for(100) else { return };
    let daemon = daemon().start();
    let mut inside = daemon.account("alice").login();
    assert_goes_on(&mut inside);
    let session = daemon.role(SESSION)[0];
    session.limit("nofile", Some(u64::try_from(session.descriptors()).expect("a number") + 10));
    // The kernel accepts them; the server cannot.
    let connect = |_| connect(Ipv4Addr::LOCALHOST, daemon.port(), false).expect("a place in the queue");
    let mut crowd: Vec<TcpStream> = (0..50).map(connect).collect();
    daemon.logged(&["no connection can be accepted", "running sessions go on"]);
    // The server keeps trying.
    for _ in 0..50 {
        inside.ok("NOOP");
        inside.ok("STAT");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    session.limit("nofile", None);
    for stream in &mut crowd {
        assert!(lines(stream, 1).starts_with(b"+OK"), "the waiting clients must be served");
    }
    assert_goes_on(&mut inside);
    inside.quit();
    assert_served(&daemon.account("beside"), "afterwards");
    daemon.logged(&["logout", "user=<beside>"]);
    assert_eq!(daemon.log().matches("no connection can be accepted").count(), 1, "{}", daemon.log());
    assert_eq!(daemon.role(SESSION), [session], "the process must not have been restarted");
}

#[test]
fn mail_that_finds_no_descriptor_is_refused_and_its_session_and_all_others_go_on() {
    let Some(()) = need::root() else { return };
    let daemon = daemon().start();
    let (mut alice, mut other) = (daemon.account("alice").login(), daemon.account("beside").login());
    let session = daemon.role(SESSION)[0];
    session.limit("nofile", Some(NONE_LEFT));
    let refused = alice.err("RETR 1");
    assert!(refused.starts_with("[SYS/TEMP]"), "{refused}");
    // The channel to the maildrop process is still the same.
    other.ok("STAT");
    alice.ok("DELE 1");
    session.limit("nofile", None);
    assert_goes_on(&mut alice);
    assert_goes_on(&mut other);
    alice.ok("RSET");
    alice.quit();
    other.quit();
}

#[test]
fn a_maildrop_role_without_descriptors_opens_nothing_more_and_goes_on() {
    let Some(()) = need::root() else { return };
    let daemon = daemon().start();
    let mut inside = daemon.account("alice").login();
    assert_goes_on(&mut inside);
    let maildrop = daemon.role(MAILDROP)[0];
    maildrop.limit("nofile", Some(NONE_LEFT));
    let refused = daemon.account("beside").try_login().err().expect("a refusal").to_string();
    assert!(refused.starts_with("-ERR [SYS/TEMP] "), "{refused}");
    assert_goes_on(&mut inside);
    maildrop.limit("nofile", None);
    daemon.account("beside").login().quit();
    inside.quit();
    assert_eq!(daemon.role(MAILDROP), [maildrop]);
}

#[test]
fn a_session_role_without_memory_lets_nobody_in_and_goes_on() {
    let Some(()) = need::root() else { return };
    let Some(()) = room_for(1000) else { return };
    let daemon = daemon().start();
    let mut inside = daemon.account("alice").login();
    assert_goes_on(&mut inside);
    let session = daemon.role(SESSION)[0];
    session.limit("as", Some(address_space(session) + (1 << 20)));
    let mut crowd = Vec::new();
    // Each connection holds an unfinished command line and a reply that is not read.
    let last = eventually("a server that is full", || {
        let pop = Pop3Client::try_connect(daemon.port()).ok()?;
        let _ = pop.stream().write_all(&[b'x'; 200]);
        match is_turned_away(&pop) {
            true => Some(pop),
            false => {
                crowd.push(pop);
                None
            }
        }
    });
    drop(last);
    daemon.logged(&["memory is short", "running sessions go on"]);
    assert_goes_on(&mut inside);
    drop(crowd);
    session.limit("as", None);
    eventually("a place", || {
        Pop3Client::try_connect(daemon.port()).ok().filter(|pop| pop.greeting().starts_with("+OK"))
    });
    assert_goes_on(&mut inside);
    inside.quit();
    assert_served(&daemon.account("beside"), "afterwards");
    assert_eq!(daemon.role(SESSION), [session], "the process must not have been restarted");
}

#[test]
fn a_maildrop_role_without_memory_loses_no_mail() {
    let Some(()) = need::root() else { return };
    let daemon = daemon().start();
    let before = daemon.snapshot();
    let mut inside = daemon.account("alice").login();
    assert_goes_on(&mut inside);
    let maildrop = daemon.role(MAILDROP)[0];
    maildrop.limit("as", Some(address_space(maildrop)));
    // The login may succeed or be refused. But the server must answer soon, and no mail may be lost.
    for _ in 0..20 {
        match daemon.account("beside").try_login() {
            Ok(pop) => pop.quit(),
            Err(refused) => assert!(refused.to_string().starts_with("-ERR [SYS/TEMP]"), "{refused}"),
        }
    }
    assert_goes_on(&mut inside);
    maildrop.limit("as", None);
    inside.quit();
    daemon.account("beside").login_when_free().quit();
    assert_eq!(before, daemon.snapshot());
}

#[test]
fn without_another_process_running_maildrops_go_on() {
    let Some(()) = need::root() else { return };
    // The limit does not apply to root.
    let daemon = daemon().owned_by_its_user().start();
    let supervisor = daemon.supervisor();
    supervisor.limit("nproc", Some(1));
    let refused = daemon.account("alice").try_login().err().expect("a refusal").to_string();
    assert!(refused.starts_with("-ERR [SYS/TEMP] "), "{refused}");
    daemon.logged(&["no maildrop process for uid"]);
    supervisor.limit("nproc", None);
    let mut inside = daemon.account("alice").login();
    supervisor.limit("nproc", Some(1));
    assert_goes_on(&mut inside);
    // The same process serves the other users of this uid.
    assert_served(&daemon.account("beside"), "without another process");
    inside.quit();
}

/// The current size of the address space of a process in octets.
fn address_space(process: Process) -> u64 {
    let size = process.status("VmSize").expect("VmSize");
    let kilobytes = size.trim_end_matches(" kB").parse::<u64>();
    kilobytes.expect("VmSize in kB") * 1024
}
