//! Several certificates: a client gets the one for the server name that it asks for.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::{openssl, self_signed};
use crate::harness::{Daemon, Format, Port, eventually, messages, need};

#[test]
fn a_client_gets_the_certificate_of_the_name_it_calls_else_the_first() {
    if need::program("openssl").is_none() {
        return;
    }
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let folder = daemon.configuration().parent().expect("its folder").to_owned();
    let tls = Port::reserve();
    let tables = [
        table(&folder, "first", "DNS:localhost,DNS:mail.example.org"),
        table(&folder, "second", "DNS:pop.example.org,DNS:*.example.net"),
    ];
    let settings = format!("pop3s_port = {}\n[tls]\nstls = true\n{}", tls.number, tables.concat());
    let daemon = daemon.setting(&settings).start();

    let (at_once, by_stls) = (format!("127.0.0.1:{}", tls.number), format!("127.0.0.1:{}", daemon.port()));
    let stls = [by_stls.as_str(), "-starttls", "pop3"];
    for (name, subject) in [
        ("mail.example.org", "first"),
        ("POP.Example.ORG", "second"),
        ("any.example.net", "second"),
        ("not.any.example.net", "first"),
        ("unknown.example.com", "first"),
    ] {
        assert_eq!(shown(&[&at_once, "-servername", name]), subject, "{name}");
        assert_eq!(shown(&[&stls[..], &["-servername", name]].concat()), subject, "{name} by STLS");
    }
    assert_eq!(shown(&[&at_once, "-noservername"]), "first");
    let session = ["-servername", "pop.example.org"];
    let said =
        openssl(&[&[at_once.as_str()], &session[..]].concat(), "USER alice\r\nPASS secret word\r\nQUIT\r\n");
    assert!(said.contains("+OK maildrop has"), "{said}");

    // A certificate is renewed: both signals reload it.
    for (signal, renewed) in [(Signal::USR1, "third"), (Signal::HUP, "fourth")] {
        self_signed(&folder, "second", renewed, &["-addext", "subjectAltName=DNS:pop.example.org"]);
        daemon.supervisor().signal(signal);
        let args = [at_once.as_str(), "-servername", "pop.example.org"];
        eventually("the renewed certificate", || (shown(&args) == renewed).then_some(()));
        assert_eq!(shown(&[&at_once, "-servername", "localhost"]), "first");
    }
}

fn table(folder: &Path, name: &str, names: &str) -> String {
    let names = format!("subjectAltName={names}");
    let [certificate, key] = self_signed(folder, name, name, &["-addext", &names]);
    let [certificate, key] = [certificate.display(), key.display()];
    format!("[[tls.certificate]]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n")
}

/// The common name of the certificate that an openssl client with these arguments gets; empty if the
/// connection failed.
fn shown(arguments: &[&str]) -> String {
    let client = Command::new("openssl")
        .args(["s_client", "-connect"])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("openssl s_client");
    let said = String::from_utf8_lossy(&client.stdout).into_owned();
    let subject = said.lines().find_map(|line| line.strip_prefix("subject=CN = "));
    subject.unwrap_or_default().to_owned()
}
