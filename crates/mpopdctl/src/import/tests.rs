//! Whole files, old and new.

use std::path::Path;

use config::{AuthType, parse};
use vocabulary::{LogLevel, Storage};

use super::legacy::import;
use super::write::Imported;

fn imported(text: &str) -> Imported {
    import(Path::new("old.conf"), text.as_bytes()).expect("an import")
}

/// The settings of the new file, which must have no fault.
fn config(imported: &Imported) -> config::Config {
    parse(Path::new("new.conf"), imported.toml.as_bytes())
        .unwrap_or_else(|e| panic!("{e}\n{}", imported.toml))
        .config
}

fn checks(imported: &Imported) -> Vec<&str> {
    imported.toml.lines().filter_map(|line| line.strip_prefix("# CHECK ")).collect()
}

#[test]
fn a_file_of_2_x_is_carried_over() {
    let new = imported(include_str!("samples/assignments.conf"));
    let config = config(&new);
    assert_eq!((config.port, config.max_servers, config.timeout.as_secs()), (8110, 25, 90));
    assert_eq!(config.greeting, "mpopd 2.22 at mail.example.org");
    assert_eq!(config.storage, Storage::Ram);
    assert_eq!((config.message_start.as_str(), config.message_end.as_str()), ("^From ", r"^\s*$"));
    assert_eq!(config.auth_type, AuthType::SystemOrHostOrDomain);
    assert!(!config.use_pam && !config.allow_non_fqdn && config.switch);
    assert_eq!(config.user_auth["list-user"], AuthType::List);
    assert_eq!(config.timezone, Some(0));
    assert_eq!(config.log_level, LogLevel::Warn);
    assert!(config.user_debug["bob"]);
    let checks = checks(&new);
    assert_eq!(checks.len(), new.checks);
    for (line, about) in [
        ("14", "timeout"),
        ("33", "mailgroup"),
        ("42", "no_such_thing"),
        ("43", "if (-d"),
        ("48", "port_of_day"),
    ] {
        let found =
            checks.iter().any(|check| check.starts_with(&format!("line {line}")) && check.contains(about));
        assert!(found, "line {line}, {about}: {checks:#?}");
    }
}

#[test]
fn a_file_of_3_x_is_carried_over() {
    let new = imported(include_str!("samples/hash.conf"));
    let config = config(&new);
    assert_eq!((config.port, config.max_servers), (110, 40));
    assert_eq!((config.storage, config.auth_type), (Storage::Maildir, AuthType::System));
    assert_eq!(config.uidl, "original-3x");
    assert_eq!(config.message_start, "^From ");
    assert_eq!(config.addreceived, ["carol", "dave"]);
    assert!(config.use_pam);
    let checks = checks(&new);
    assert!(checks.iter().any(|check| check.starts_with("line 36, mailbox_args")), "{checks:#?}");
    assert!(
        checks.iter().any(|check| check.contains("pid_file") && check.contains("absolute path")),
        "{checks:#?}"
    );
}

#[test]
fn nobody_gets_in_who_could_not() {
    // A sub that lets everyone in is not taken for one of the module's own.
    let new = imported("{ user_check => sub { 1 }, password_check => sub { 1 }, }");
    assert_eq!(config(&new).auth_type, AuthType::System);
    assert_eq!(checks(&new).iter().filter(|check| check.contains("who may log in")).count(), 2);
    assert_eq!(config(&new).allow_plaintext, vocabulary::AllowPlaintext::Loopback);
    assert!(!config(&new).allow_non_fqdn, "the old default");
}

#[test]
fn two_old_settings_that_are_one_today_do_not_collide() {
    let subs = "user_check => sub { check_user_system() }, password_check => sub { check_password_pam() }";
    let new =
        imported(&format!("{{ use_pam => 0, {subs}, user_debug => {{ a => 1 }}, debug => {{ a => 0 }} }}"));
    assert!(config(&new).use_pam);
    assert!(!config(&new).user_debug["a"], "the later one");
}

#[test]
fn what_a_server_still_needs_is_reported() {
    let new = imported("$auth_type = 6;\n$userlist = '.userlist';\n$password_plugin = '/x/y.pl';\n");
    assert!(checks(&new).iter().any(|check| check.contains("absolute path of a user list")), "{}", new.toml);
    assert!(checks(&new).iter().any(|check| check.starts_with("line 3, password_plugin")), "{}", new.toml);
}

#[test]
fn uidls_stay_where_they_can() {
    assert_eq!(config(&imported("$use_maildir = 1;")).uidl, "original-3x");
    let mbox = imported("$parse_to_disk = 1;");
    assert_eq!(config(&mbox).uidl, "default");
    assert!(checks(&mbox).iter().any(|check| check.starts_with("uidl: ")));
}

#[test]
fn the_last_assignment_counts() {
    let new = imported(
        "$auth_type = 1;\n$port = 1;\n$port = 2;\n$debug_log = '/var/log/x';\n$user_log{a} = 1;\n$user_log{a} = 2;\n",
    );
    assert_eq!(config(&new).port, 2);
    assert!(
        new.toml.contains("port = 2  # line 3\n") && new.toml.contains("\"a\" = 2  # line 6\n"),
        "{}",
        new.toml
    );
    assert!(new.toml.contains("debug_log = \"/var/log/x\"  # line 4\n"));
}

#[test]
fn nothing_in_the_old_file_leaves_its_comment() {
    let odd = "$greeting = \"a\\nport = 1\";\n$user_log{\"x\\n]\"} = 1;\n$x\u{85} = 'a\n\nport = 2';\nfoo('\nport = 3');\n";
    let new = imported(odd);
    assert_eq!(config(&new).port, 110, "{}", new.toml);
}

#[test]
fn a_damaged_file_gives_a_fault_or_a_configuration() {
    for sample in [include_str!("samples/assignments.conf"), include_str!("samples/hash.conf")] {
        let mut reported = 0;
        for at in (0..sample.len()).step_by(11) {
            let (before, after) = sample.split_at(at);
            for damaged in [before.to_owned(), before.to_owned() + &after[1..], format!("{before}'{after}")] {
                match import(Path::new("old.conf"), damaged.as_bytes()) {
                    Ok(new) => drop(config(&new)),
                    Err(fault) => reported += usize::from(fault.line.is_some()),
                }
            }
        }
        assert!(reported > 0, "some of it must have no end");
    }
}

#[test]
fn latin_1_is_read() {
    let new = import(Path::new("old.conf"), b"# caf\xe9\n$receivedfrom = 'x';\n").unwrap();
    assert_eq!(config(&new).receivedfrom.as_deref(), Some("x"));
}

#[test]
fn an_empty_file_gives_the_old_defaults() {
    let new = imported("");
    assert_eq!(config(&new).storage, Storage::Disk);
    assert_eq!(config(&new).timeout.as_secs(), 10);
}
