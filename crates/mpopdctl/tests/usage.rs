//! The command line: wrong usage is exit status 2, and what cannot be done is status 1 and one line.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn mpopdctl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mpopdctl")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// A configuration file in a folder of its own, where no daemon runs.
fn configured(folder: &Path) -> String {
    let here = folder.display();
    let file = folder.join("mpopd.conf");
    let text = format!("mpopd_pid_file = \"{here}/mpopd.pid\"\ncontrol_socket = \"{here}/control\"\n");
    fs::write(&file, text).unwrap();
    file.display().to_string()
}

#[test]
fn wrong_usage_is_2() {
    for wrong in [
        &["-f", "stop"][..],
        &["-p", "8110", "refresh"],
        &["-p", "0", "start"],
        &["-p", "70000", "start"],
        &["-e", "start"],
        &["explode"],
        &["kick"],
        &[],
    ] {
        let output = mpopdctl(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn help_names_every_command() {
    let output = mpopdctl(&["-h"]);
    assert_eq!(output.status.code(), Some(0));
    let help = String::from_utf8(output.stdout).unwrap();
    for command in [
        "start",
        "stop",
        "restart",
        "refresh",
        "config",
        "status",
        "who",
        "kick",
        "check",
        "reopen-logs",
        "top",
        "import",
    ] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {help}");
    }
}

#[test]
fn where_no_daemon_runs_all_say_so_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    for command in ["stop", "refresh", "config", "reopen-logs", "status", "who", "top"] {
        let output = mpopdctl(&["-c", &file, command]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = if command == "top" { "needs a terminal" } else { "mpopd is not running" };
        assert!(said.starts_with("mpopdctl: ") && said.contains(expected), "{command}: {said}");
        assert_eq!(said.lines().count(), 1, "{command}: {said}");
    }
    let missing = mpopdctl(&["-c", "/nonexistent/mpopd.conf", "status"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8(missing.stderr).unwrap().starts_with("/nonexistent/mpopd.conf: "));
}
