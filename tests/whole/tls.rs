//! TLS from the first octet and by STLS, with openssl and curl as clients.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::harness::{Daemon, Format, Port, messages, need};

/// A daemon with a certificate, its port for TLS, and the folder of the certificate.
pub(crate) struct Secured {
    pub(crate) daemon: Daemon,
    pub(crate) tls: Port,
    pub(crate) certificate: PathBuf,
}

pub(crate) fn secured(more: &str) -> Option<Secured> {
    secured_with(more, "")
}

/// The same with more settings of TLS too.
pub(crate) fn secured_with(more: &str, more_tls: &str) -> Option<Secured> {
    need::program("openssl")?;
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let folder = daemon.configuration().parent().expect("its folder").to_owned();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tls = Port::reserve();
    let settings = format!(
        "pop3s_port = {}\n{more}\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n{more_tls}",
        tls.number,
        certificate.display(),
        key.display()
    );
    Some(Secured { daemon: daemon.setting(&settings).start(), tls, certificate })
}

/// What an openssl client with these arguments gets for `input`.
pub(crate) fn openssl(arguments: &[&str], input: &str) -> String {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl s_client");
    client.stdin.take().expect("its stdin").write_all(input.as_bytes()).expect("writing to openssl");
    String::from_utf8_lossy(&client.wait_with_output().expect("its output").stdout).into_owned()
}

#[test]
fn tls_from_the_first_octet_serves_both_versions() {
    let Some(secured) = secured("allow_plaintext = \"never\"") else { return };
    let address = format!("127.0.0.1:{}", secured.tls.number);
    for version in ["-tls1_2", "-tls1_3"] {
        let said = openssl(&[&address, version], "USER alice\r\nPASS secret word\r\nSTAT\r\nQUIT\r\n");
        assert!(said.starts_with("+OK mpopd ready"), "{version}: {said}");
        assert!(said.contains(&format!("+OK {} ", messages::ordinary().len())), "{version}: {said}");
        assert!(said.trim_end().ends_with("goodbye"), "{version}: {said}");
    }
    secured.daemon.logged(&["login ok", "tls=TLSv1.2"]);
    secured.daemon.logged(&["login ok", "tls=TLSv1.3"]);
}

#[test]
fn every_octet_arrives_through_tls() {
    let (Some(secured), Some(())) = (secured(""), need::program("curl").map(drop)) else { return };
    let messages = messages::ordinary();
    for (url, extra) in [
        (format!("pop3s://localhost:{}", secured.tls.number), None),
        (format!("pop3://localhost:{}", secured.daemon.port()), Some("--ssl-reqd")),
    ] {
        for (number, message) in (1..).zip(&messages) {
            let got = Command::new("curl")
                .args(["-sS", "--max-time", "20", "-u", "alice:secret word", "--resolve"])
                .arg(format!("localhost:{}:127.0.0.1", url.rsplit(':').next().expect("a port")))
                .arg("--cacert")
                .arg(&secured.certificate)
                .args(extra)
                .arg(format!("{url}/{number}"))
                .output()
                .expect("curl");
            assert!(got.status.success(), "{url}: {}", String::from_utf8_lossy(&got.stderr));
            assert_eq!(got.stdout, message.wire(), "{url}, message {number}");
        }
    }
}

#[test]
fn stls_is_offered_until_it_is_used_and_opens_the_way_for_passwords() {
    let Some(secured) = secured("allow_plaintext = \"never\"") else { return };
    let mut pop = crate::harness::Pop::connect(secured.daemon.port());
    let before = pop.lines("CAPA");
    assert!(before.contains(&"STLS".to_owned()) && !before.contains(&"USER".to_owned()), "{before:?}");
    pop.err("USER alice");
    pop.ok("QUIT");
    let address = format!("127.0.0.1:{}", secured.daemon.port());
    let after = openssl(
        &[&address, "-starttls", "pop3"],
        "CAPA\r\nSTLS\r\nUSER alice\r\nPASS secret word\r\nQUIT\r\n",
    );
    let (capabilities, rest) = after.split_once("\r\n.\r\n").expect("a list");
    assert!(!capabilities.contains("STLS") && capabilities.contains("USER"), "{after}");
    let replies: Vec<&str> = rest.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(replies, ["-ERR", "+OK", "+OK", "+OK"], "{after}");
}

#[test]
fn octets_sent_behind_stls_are_no_commands() {
    let Some(secured) = secured("") else { return };
    let mut pop = crate::harness::Pop::connect(secured.daemon.port());
    pop.send(b"STLS\r\nUSER alice\r\nPASS secret word\r\nSTAT\r\n").expect("sending");
    let rest = String::from_utf8_lossy(&pop.rest()).into_owned();
    assert!(!rest.contains("+OK send the password") && !rest.contains("messages"), "{rest}");
}

#[test]
fn a_client_that_stalls_in_the_handshake_is_cut_off_and_holds_up_nobody() {
    let Some(secured) = secured("login_timeout = 1") else { return };
    let mut stalled = std::net::TcpStream::connect(("127.0.0.1", secured.tls.number)).expect("a connection");
    stalled.write_all(b"\x16\x03\x01").expect("half a record");
    let address = format!("127.0.0.1:{}", secured.tls.number);
    assert!(openssl(&[&address], "QUIT\r\n").starts_with("+OK"));
    stalled.set_read_timeout(Some(std::time::Duration::from_secs(30))).expect("a timeout");
    let ended = std::io::Read::read_to_end(&mut stalled, &mut Vec::new());
    assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
}

#[test]
fn a_key_that_does_not_belong_to_the_certificate_is_named() {
    let Some(secured) = secured("") else { return };
    let folder = secured.certificate.parent().expect("its folder");
    let other = folder.join("other.pem");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"])
        .arg(&other)
        .output()
        .expect("openssl");
    assert!(made.status.success());
    for (certificate, key, named) in [
        (&secured.certificate, &other, "is not the key"),
        (&secured.certificate, &secured.certificate, "has no key"),
        (&other, &other, "has no certificate"),
        (&folder.join("missing.pem"), &other, "cannot be read"),
    ] {
        let settings =
            format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"", certificate.display(), key.display());
        let refused = Daemon::new(Format::Mbox).user("alice", &[]).setting(&settings).refused();
        assert_eq!(refused.status.code(), Some(1), "{}", refused.said);
        assert!(refused.said.contains(named) && refused.said.contains(".pem"), "{named}: {}", refused.said);
    }
}
