//! TLS from the first octet and with STLS, with openssl and curl as clients.

mod handshake;
mod names;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Daemon, Format, Port, messages, need};

/// A daemon with a certificate, its TLS port, and the folder of the certificate.
pub(crate) struct Secured {
    pub(crate) daemon: Daemon,
    pub(crate) tls: Port,
    pub(crate) certificate: PathBuf,
}

pub(crate) fn secured(more: &str) -> Option<Secured> {
    secured_with(more, "")
}

/// The same with more TLS settings.
pub(crate) fn secured_with(more: &str, more_tls: &str) -> Option<Secured> {
    secure(Daemon::new(Format::Mbox).user("alice", &messages::ordinary()), more, more_tls)
}

/// Gives a daemon a certificate for localhost, and starts it.
pub(crate) fn secure(daemon: Daemon, more: &str, more_tls: &str) -> Option<Secured> {
    need::program("openssl")?;
    let folder = daemon.configuration().parent().expect("its folder").to_owned();
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let [certificate, key] = self_signed(&folder, "cert", "localhost", &["-addext", names]);
    let tls = Port::reserve();
    let settings = format!(
        "pop3s_port = {}\n{more}\n[tls]\ncertificate = \"{}\"\nkey = \"{}\"\n{more_tls}",
        tls.number,
        certificate.display(),
        key.display()
    );
    Some(Secured { daemon: daemon.setting(&settings).start(), tls, certificate })
}

/// Creates a self-signed certificate with this subject. Returns its file and that of its key.
pub(crate) fn self_signed(folder: &Path, name: &str, subject: &str, more: &[&str]) -> [PathBuf; 2] {
    let [certificate, key] = ["pem", "key"].map(|kind| folder.join(name).with_extension(kind));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-addext", "basicConstraints=critical,CA:FALSE", "-subj"])
        .arg(format!("/CN={subject}"))
        .args(more)
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    [certificate, key]
}

/// The output of an openssl client with these arguments for `input`.
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
    secured.daemon.logged(&["login ok", "tls=TLSv1.2", "cipher=TLS_ECDHE_"]);
    secured.daemon.logged(&["login ok", "tls=TLSv1.3", "cipher=TLS13_"]);
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
    let mut pop = crate::harness::Pop3Client::connect(secured.daemon.port());
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
fn octets_sent_behind_stls_are_an_error_and_no_commands() {
    let Some(secured) = secured("") else { return };
    for behind in ["USER alice\r\nPASS secret word\r\nSTAT\r\n", "\x16\x03\x01", "\r\n"] {
        let mut pop = crate::harness::Pop3Client::connect(secured.daemon.port());
        pop.send(format!("STLS\r\n{behind}").as_bytes()).expect("sending");
        let rest = String::from_utf8_lossy(&pop.rest()).into_owned();
        assert!(rest.starts_with("-ERR nothing may follow STLS") && rest.lines().count() == 1, "{rest}");
    }
}

#[test]
fn a_client_that_stalls_in_the_handshake_is_cut_off_and_holds_up_nobody() {
    let Some(secured) = secured("login_timeout = 1") else { return };
    let mut stalled = std::net::TcpStream::connect(("127.0.0.1", secured.tls.number)).expect("a connection");
    stalled.write_all(b"\x16\x03\x01").expect("half a record");
    let mut by_stls = crate::harness::Pop3Client::connect(secured.daemon.port());
    by_stls.ok("STLS");
    let address = format!("127.0.0.1:{}", secured.tls.number);
    assert!(openssl(&[&address], "QUIT\r\n").starts_with("+OK"));
    stalled.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a timeout");
    let ended = std::io::Read::read_to_end(&mut stalled, &mut Vec::new());
    assert!(ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset));
    let last = by_stls.rest();
    assert!(
        last.is_empty() || last.starts_with(b"\x15"),
        "something other than an alert (RFC 8446, section 6): {last:?}"
    );
}

#[test]
fn a_file_of_tls_that_is_no_good_is_named_with_its_line() {
    let Some(secured) = secured("") else { return };
    // The certificate of these tests is valid for two days.
    secured.daemon.logged(&["WARN", " tls.certificate: ", "cert.pem: the certificate holds only until"]);
    let folder = secured.certificate.parent().expect("its folder");
    let [other, other_key] = self_signed(folder, "other", "other", &[]);
    let (certificate, missing) = (&secured.certificate, &folder.join("missing.pem"));
    for (certificate, key, at_fault, setting, what) in [
        (certificate, &other_key, &other_key, "tls.key", "is not the key of the certificate in"),
        (certificate, certificate, certificate, "tls.key", "has no key"),
        (certificate, missing, missing, "tls.key", "cannot be read"),
        (&other_key, &other_key, &other_key, "tls.certificate", "has no certificate"),
        (missing, &other_key, missing, "tls.certificate", "cannot be read"),
    ] {
        let lines = [("certificate", certificate), ("key", key)];
        let lines = lines.map(|(name, file)| format!("{name} = \"{}\"", file.display()));
        let settings = format!("[tls]\n{}", lines.join("\n"));
        let refused = Daemon::new(Format::Mbox).user("alice", &[]).setting(&settings).refused();
        assert_eq!(refused.status.code(), Some(1), "{}", refused.said);
        let line = refused.line_of(&lines[usize::from(setting == "tls.key")]);
        let expected = format!("mpopd.conf:{line}: {setting}: {}: {what}", at_fault.display());
        assert!(refused.said.contains(&expected), "{expected}: {}", refused.said);
    }
    let lines = [certificate, &certificate.with_extension("key"), missing];
    let names = ["certificate", "key", "client_ca"];
    let settings =
        std::iter::zip(names, lines).map(|(name, file)| format!("{name} = \"{}\"\n", file.display()));
    let settings = "[tls]\n".to_owned() + &settings.collect::<String>();
    let refused = Daemon::new(Format::Mbox).user("alice", &[]).setting(&settings).refused();
    let expected = format!(" tls.client_ca: {}: cannot be read", missing.display());
    assert!(refused.said.contains(&expected), "{expected}: {}", refused.said);
    // With several certificates, each is named.
    let table = |certificate: &Path, key: &Path| {
        let [certificate, key] = [certificate, key].map(Path::display);
        format!("[[tls.certificate]]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n")
    };
    let tables = [table(&other, &other_key), table(certificate, &other_key), table(missing, &other_key)];
    let refused = Daemon::new(Format::Mbox).user("alice", &[]).setting(&tables.concat()).refused();
    assert_eq!(refused.status.code(), Some(1), "{}", refused.said);
    for expected in [
        format!(
            "tls.key: {}: is not the key of the certificate in {}",
            other_key.display(),
            certificate.display()
        ),
        format!("tls.certificate: {}: cannot be read", missing.display()),
    ] {
        assert!(refused.said.contains(&expected), "{expected}: {}", refused.said);
    }
}
