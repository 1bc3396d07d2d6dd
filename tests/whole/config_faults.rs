//! With an invalid configuration the daemon does not start, and one line says where the error is.

use crate::harness::{Daemon, Format, Port};

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]);
    assert_fault(daemon, "time_out = 60", "time_out");
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    for (setting, key) in [
        ("timeout = \"soon\"", "timeout"),
        ("timeout = -1", "timeout"),
        ("port = 65536", "port"),
        ("storage = \"mh\"", "storage"),
        ("listen = [\"localhost\", 1]", "listen"),
        ("auth_type = 8", "auth_type"),
        ("allow_plaintext = \"sometimes\"", "allow_plaintext"),
        ("message_start = \"(\"", "message_start"),
        ("message_end = \"(?:x{1000}){1000}\"", "message_end"),
    ] {
        assert_fault(Daemon::new(Format::Mbox).user("alice", &[]), setting, key);
    }
}

#[test]
fn what_is_no_toml_is_refused() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("timeout = = 3");
    let file = daemon.configuration();
    let refused = daemon.refused();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.said);
    assert!(refused.said.starts_with(&format!("{}:", file.display())), "{}", refused.said);
    assert_eq!(refused.said.lines().count(), 1, "{}", refused.said);
}

#[test]
fn a_port_in_use_is_named() {
    let port = Port::reserve();
    let taken = std::net::TcpListener::bind(("127.0.0.1", port.number));
    // std sets SO_REUSEADDR on listeners, so this one may listen on the port that is reserved.
    let _taken = taken.expect("listening on the reserved port");
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting(&format!("port = {}", port.number));
    let refused = daemon.refused();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.said);
    assert!(refused.said.contains(&port.number.to_string()), "{}", refused.said);
    assert_eq!(refused.said.lines().count(), 1, "{}", refused.said);
}

/// Expects one line of the form `FILE:LINE: KEY: DESCRIPTION`, no other output, and exit status 1.
fn assert_fault(daemon: Daemon, setting: &str, key: &str) {
    let daemon = daemon.setting(setting);
    let file = daemon.configuration();
    let refused = daemon.refused();
    assert_eq!(refused.status.code(), Some(1), "{setting}: {}", refused.said);
    // A list may have several wrong values. Each has its own line, and all lines name this setting.
    let same = refused.said.lines().all(|line| line.contains(&format!(": {key}: ")));
    assert!(same, "{setting}: {}", refused.said);
    let fault = refused.said.lines().next().unwrap_or_default();
    let (number, what) = fault
        .strip_prefix(&format!("{}:", file.display()))
        .and_then(|rest| rest.split_once(&format!(": {key}: ")))
        .unwrap_or_else(|| panic!("{setting}: not FILE:LINE: {key}: what: {fault}"));
    assert!(!what.is_empty());
    assert_eq!(number.parse(), Ok(refused.line_of(setting)), "the line of `{setting}`: {fault}");
}
