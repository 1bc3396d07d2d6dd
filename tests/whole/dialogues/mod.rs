//! The scripts of `tests/dialogues`, run against mpopd in every storage mode and against other servers, to
//! show that what they expect is not peculiar to mpopd. docs/conformance.md explains each difference.

mod dovecot;

use std::fs;
use std::path::{Path, PathBuf};

use dialogues::{Played, Script, play};

use crate::harness::{Daemon, Format, Message, need};
use dovecot::Dovecot;

/// Where Dovecot 2.3 differs from the scripts. An entry with a question mark is about a capability that it
/// lacks.
pub(crate) const NOT_DOVECOT: &[&str] = &[
    "arguments-missing",
    "arguments-too-many",
    "authorization-commands-wait",
    "blanks-before-the-line-end",
    "capability-expire?",
    "capability-implementation?",
    "capability-sasl-stays",
    "capability-user-stays",
    "in-use-second-session",
    "lang?",
    "last",
    "long-line",
    "sasl-scram-challenge",
    "stls-arguments",
    "stls-forgets-the-name",
    "stls-with-more-behind-it",
    "utf8?",
];

#[test]
fn mpopd_keeps_to_every_script_in_every_mode() {
    let (scripts, messages) = (scripts(), messages());
    assert_eq!(messages.len(), 3);
    for (mode, format) in
        [("mbox", Format::Mbox), ("disk", Format::Mbox), ("ram", Format::Mbox), ("maildir", Format::Maildir)]
    {
        let mut daemon = Daemon::new(format).setting(&format!("storage = \"{mode}\""));
        for (name, _) in &scripts {
            daemon = daemon.user(name, &messages);
        }
        let (certificate, key) = certificate(daemon.path("").as_path());
        let tls = format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"", certificate.display(), key.display());
        let daemon = daemon.setting(&tls).start();
        for (name, script) in &scripts {
            match play(script, &daemon.account(name)) {
                Ok(played) => assert_eq!(played, Played::Whole, "{mode}: {name}"),
                Err(failure) => panic!("{mode}: {name}: {failure}"),
            }
        }
    }
}

#[test]
fn dovecot_keeps_to_the_scripts_too() {
    let Some(()) = need::root() else { return };
    let Some(program) = need::program("dovecot") else { return };
    let scripts = scripts();
    let dovecot = Dovecot::start(&program, scripts.iter().map(|(name, _)| name.as_str()));
    let mut differing = Vec::new();
    for (name, script) in &scripts {
        match play(script, &dovecot.account(name)) {
            Ok(Played::Whole) => {}
            Ok(Played::LeftOut(_)) => differing.push(format!("{name}?")),
            Err(failure) => {
                println!("{name}: {failure}");
                differing.push(name.clone());
            }
        }
    }
    assert_eq!(differing, NOT_DOVECOT);
}

/// All scripts with their names, sorted by name.
fn scripts() -> Vec<(String, Script)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder()).expect("tests/dialogues") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a script");
            found.push((name.clone(), Script::parse(&text).unwrap_or_else(|bad| panic!("{name}: {bad}"))));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() > 50, "too few scripts were found");
    found
}

/// The messages of `tests/dialogues/mailbox`.
fn messages() -> Vec<Message> {
    let text = fs::read_to_string(folder().join("mailbox")).expect("the mailbox");
    let bodies = text.split("From ").filter(|part| part.contains("Subject: "));
    bodies
        .map(|part| {
            let message = part.split_once('\n').expect("a From_ line").1;
            Message(message.strip_suffix('\n').expect("a blank line").as_bytes().to_vec())
        })
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues")
}

/// Creates a certificate for localhost and its key in this folder.
fn certificate(folder: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&certificate, made.cert.pem()).expect("a certificate");
    fs::write(&key, made.signing_key.serialize_pem()).expect("a key");
    (certificate, key)
}
