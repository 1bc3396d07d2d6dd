//! What a handshake negotiates: versions, ALPN, session resumption, client certificates.

use std::process::{Command, Output, Stdio};

use super::{secured, secured_with, self_signed};
use crate::harness::{PATIENCE, eventually, need};
use crate::reload::reread;

/// A handshake by an openssl client, which sends QUIT after the greeting.
fn handshake(arguments: &[&str]) -> (bool, String) {
    let mut client = Command::new("timeout");
    client.arg(PATIENCE.as_secs().to_string());
    client.args(["openssl", "s_client", "-ign_eof", "-nocommands", "-connect"]).args(arguments);
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = client.spawn().expect("openssl s_client");
    // A client that fails at once reads nothing.
    let _ = std::io::Write::write_all(&mut client.stdin.take().expect("its stdin"), b"QUIT\r\n");
    let Output { status, stdout, stderr } = client.wait_with_output().expect("its output");
    let said = [stdout, stderr].concat();
    (status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_client_that_offers_other_protocols_than_pop3_meant_another_server() {
    let Some(secured) = secured("") else { return };
    let address = format!("127.0.0.1:{}", secured.tls.number);
    for (offers, agreed) in
        [("pop3", true), ("imap,pop3", true), ("imap", false), ("http/1.1,h2", false), ("POP3", false)]
    {
        let (greeted, said) = handshake(&[&address, "-alpn", offers]);
        assert_eq!(greeted, agreed, "{offers}: {said}");
        let expected = if agreed { "ALPN protocol: pop3" } else { "no application protocol" };
        assert!(said.contains(expected), "{offers}: {said}");
    }
    // With STLS the handshake is the same.
    let by_stls = format!("127.0.0.1:{}", secured.daemon.port());
    assert!(!handshake(&[&by_stls, "-starttls", "pop3", "-alpn", "imap"]).0);
    let (greeted, said) = handshake(&[&address]);
    assert!(greeted && said.contains("No ALPN negotiated") && said.contains("+OK mpopd ready"), "{said}");
}

#[test]
fn versions_below_the_minimum_are_refused() {
    for (minimum, versions) in [("1.2", [true, true]), ("1.3", [false, true])] {
        let Some(secured) = secured_with("", &format!("minimum = \"{minimum}\"")) else { return };
        let address = format!("127.0.0.1:{}", secured.tls.number);
        let greeted = ["-tls1_2", "-tls1_3"].map(|version| handshake(&[&address, version]).0);
        assert_eq!(greeted, versions, "minimum = {minimum}");
        // At security level 0 openssl would offer it.
        assert!(!handshake(&[&address, "-tls1_1", "-cipher", "ALL@SECLEVEL=0"]).0);
    }
}

#[test]
fn a_session_is_resumed_until_the_settings_are_read_again() {
    let Some(mut secured) = secured("") else { return };
    let address = format!("127.0.0.1:{}", secured.tls.number);
    let ticket = secured.daemon.path("ticket").display().to_string();
    for version in ["-tls1_2", "-tls1_3"] {
        let (greeted, said) = handshake(&[&address, version, "-sess_out", &ticket]);
        assert!(greeted && said.contains("\nNew, TLSv1."), "{said}");
        let (greeted, said) = handshake(&[&address, version, "-sess_in", &ticket]);
        assert!(greeted && said.contains("\nReused, TLSv1."), "{version}: {said}");
        // Ticket keys belong to a generation. A client with an older ticket has to do a full handshake.
        reread(&mut secured.daemon, "timeout = 500");
        eventually("a whole handshake", || {
            let (greeted, said) = handshake(&[&address, version, "-sess_in", &ticket]);
            assert!(greeted, "{version}: {said}");
            said.contains("\nNew, TLSv1.").then_some(())
        });
    }
}

#[test]
fn a_certificate_that_client_ca_does_not_vouch_for_ends_the_handshake() {
    if need::program("openssl").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let [ca, _] = self_signed(folder.path(), "ca", "ca", &[]);
    let [stranger, stranger_key] = self_signed(folder.path(), "stranger", "alice", &[]);
    let Some(secured) = secured_with("", &format!("client_ca = \"{}\"", ca.display())) else { return };
    let address = format!("127.0.0.1:{}", secured.tls.number);
    let [stranger, stranger_key] = [stranger, stranger_key].map(|file| file.display().to_string());
    for version in ["-tls1_2", "-tls1_3"] {
        let (_, said) = handshake(&[&address, version, "-cert", &stranger, "-key", &stranger_key]);
        assert!(!said.contains("+OK") && said.contains("alert"), "{version}: {said}");
        assert!(handshake(&[&address, version]).0, "a client without a certificate must be served");
    }
}
