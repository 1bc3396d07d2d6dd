//! The program under test and the process that starts it.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use ipc::directory::{LookupOutcome, ToDirectory, TokenVerification};
use ipc::wire::Wait;

use super::directory::{Directory, bounds, ldap, oauth, sql};

const QUERY: &str = "SELECT uid FROM users WHERE name = %u";

#[test]
fn settings_that_cannot_be_used_are_told_and_end_it() {
    let mut no_ca = bounds(1);
    no_ca.ca = Some(std::path::Path::new("/nonexistent/ca.pem").into());
    for (setup, told) in [
        (sql("oracle://u:hunter2@h/d", QUERY, bounds(1)), "sql.url cannot be used"),
        (sql("postgresql://u:hunter2@h:port/d", QUERY, bounds(1)), "sql.url cannot be used"),
        (sql("mysql://u:hunter2@h:port/d", QUERY, bounds(1)), "sql.url cannot be used"),
        (sql("postgresql://u:hunter2@h/d", "SELECT 1 WHERE a = '%u'", bounds(1)), "sql.query cannot be used"),
        (sql("postgresql://u:hunter2@h/d", QUERY, no_ca), "/nonexistent/ca.pem cannot be used"),
        (ldap("ldap://h", true, |ldap| ldap.filter = "(uid=%u))".to_owned()), "ldap.filter cannot be used"),
        (
            oauth(TokenVerification::Keys(std::path::Path::new("/nonexistent/keys").into()), bounds(1)),
            "/nonexistent/keys",
        ),
        (
            oauth(TokenVerification::Keys(std::path::Path::new("/etc/passwd").into()), bounds(1)),
            "no JSON Web Key Set",
        ),
    ] {
        let (why, status) = Directory::try_start(setup).err().expect("it does not start");
        assert!(why.contains(told) && !why.contains("hunter2"), "{why}");
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn it_ends_with_its_supervisor() {
    let mut directory = Directory::start(sql("sqlite:/nonexistent", QUERY, bounds(1)));
    drop(directory.control.take());
    assert_eq!(directory.wait().code(), Some(0));
}

#[test]
fn it_is_not_started_by_hand() {
    for input in [Stdio::null(), Stdio::piped()] {
        let output = Command::new(env!("CARGO_BIN_EXE_mpopd-directory")).stdin(input).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("mpopd-directory is started by mpopd, not by hand: "), "{told}");
    }
}

#[test]
fn a_malformed_request_costs_its_channel_and_no_other() {
    let mut directory = Directory::start(sql("sqlite:/nonexistent", QUERY, bounds(30)));
    let bad = directory.another_auth();
    sys::seqpacket::send(bad.channel.as_fd(), &[0xff; 100], &[], Wait::Forever).unwrap();
    assert_eq!(sys::seqpacket::receive(&bad.channel, &mut [0; 8], Wait::Forever).unwrap().length, 0);
    assert!(matches!(directory.lookup("alice"), LookupOutcome::Temporary(_)));
}

#[test]
fn settings_come_once() {
    let setup = || sql("sqlite:/nonexistent", QUERY, bounds(1));
    let mut directory = Directory::start(setup());
    let again = ToDirectory::Settings(Box::new(setup()));
    ipc::send(directory.control.as_ref().unwrap(), &again, &[], Wait::Forever).unwrap();
    assert_eq!(directory.wait().code(), Some(1));
}
