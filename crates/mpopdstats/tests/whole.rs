//! mpopdstats, called as an administrator would call it.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use flate2::{Compression, write::GzEncoder};

const OLD: &str = "Tue Nov  3 10:00:00 2026\tCONNECTION OPENED\nRETRieved\t1000\tTue Nov  3 10:00:01 2026\n";
const NEW: &str = "2026-11-05T10:00:00Z CONNECTION OPENED\nRETR 1\nRETRieved\t500\t2026-11-05T10:00:01Z\n\
    2026-11-05T10:00:02Z CONNECTION CLOSED quit\n2026-11-06T10:00:00Z CONNECTION OPENED\nRETRieved\t7";

/// A configuration, and the logs of bob (one of them old and compressed) and amy.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    fs::create_dir_all(&logs).unwrap();
    fs::write(folder.path().join("mpopd.conf"), format!("user_log_dir = \"{}\"\n", logs.display())).unwrap();
    fs::write(logs.join("bob"), NEW).unwrap();
    let mut old = GzEncoder::new(fs::File::create(logs.join("bob.2.gz")).unwrap(), Compression::default());
    old.write_all(OLD.as_bytes()).unwrap();
    old.finish().unwrap();
    fs::write(logs.join("amy"), "2026-11-04T10:00:00Z CONNECTION OPENED\n").unwrap();
    folder
}

fn stats(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("mpopd.conf");
    Command::new(env!("CARGO_BIN_EXE_mpopdstats")).arg("-c").arg(config).args(arguments).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", output.stderr.escape_ascii());
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_user_is_told_of_with_the_old_logs() {
    let folder = prepared();
    let text = printed(&stats(folder.path(), &["bob"]));
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!(
        (value("Total connects"), value("Messages sent"), value("Total bytes sent")),
        ("3".into(), "2".into(), "1,500".into())
    );
    assert_eq!(
        (value("First"), value("Last")),
        ("2026-11-03T10:00:00Z".into(), "2026-11-06T10:00:00Z".into())
    );
    assert!(text.ends_with("1 line could not be read and was left out\n"), "{text}");
}

#[test]
fn all_users_are_ranked() {
    let folder = prepared();
    let text = printed(&stats(folder.path(), &["--all"]));
    let names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names[..4], ["user", "bob", "amy", "all"]);
}

#[test]
fn json_has_users_and_days() {
    let folder = prepared();
    let json: serde_json::Value =
        serde_json::from_str(&printed(&stats(folder.path(), &["--all", "--json"]))).unwrap();
    assert_eq!(json["users"][0]["user"], "bob");
    assert_eq!((&json["users"][0]["bytes"], &json["connects"]), (&1500.into(), &4.into()));
    assert_eq!(json["days"]["2026-11-05"]["bytes"], 500);
    assert_eq!(json["lines_left_out"], 1);
}

#[test]
fn the_page_has_a_plot_for_each_figure() {
    let folder = prepared();
    let html = folder.path().join("report.html");
    printed(&stats(folder.path(), &["--all", "--html", html.to_str().unwrap()]));
    let page = fs::read_to_string(html).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains("2026-11-03") && page.contains("bob"));
}

#[test]
fn the_central_log_tells_of_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("mpopd.log");
    let line = |user: &str| {
        format!(
            "2026-11-23T10:00:00Z INFO login ok user=<{user}> ip=::1 tls=none method=PASS session=1\n\
            2026-11-23T10:00:01Z INFO logout user=<{user}> ip=::1 reason=quit top=0/0 retr=2/900 del=2/2 \
            size=9 session=1\n"
        )
    };
    let failed = "2026-11-23T10:00:00Z WARN login failed user=<bob> ip=::1 reason=password session=2\n";
    fs::write(
        &log,
        format!("{}{failed}{}2026-11-23T10:00:00Z INFO logout user=<bo", line("bob"), line("amy")),
    )
    .unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&printed(&stats(folder.path(), &["--json", "--log", log.to_str().unwrap()])))
            .unwrap();
    assert_eq!(
        (&json["connects"], &json["bytes"], &json["failed_logins"]),
        (&2.into(), &1800.into(), &1.into())
    );
    assert_eq!(json["lines_left_out"], 1);
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    let folder = prepared();
    for (arguments, status, said) in [
        (&["carol"][..], 1, "there is no log of carol in "),
        (&["../bob"], 1, "is no user name: it begins with a dot"),
        (&["--log", "/nonexistent"], 1, "/nonexistent: No such file"),
        (&["--all", "--html", "/nonexistent/x"], 1, "--html /nonexistent/x: No such file"),
        (&["--all", "bob"], 2, "cannot be used with"),
    ] {
        let output = stats(folder.path(), arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}
