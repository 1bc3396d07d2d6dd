//! AUTH against the daemon: all forms of each mechanism that needs no other server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};

use crate::harness::{Daemon, Format, Pop3Client, messages, need};
use crate::tls::{Secured, openssl, secured, secured_with};

const ALICE: &str = "\0alice\0secret word";

fn daemon() -> Daemon {
    Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start()
}

#[test]
fn plain_works_with_and_without_an_initial_response() {
    let daemon = daemon();
    let response = STANDARD.encode(ALICE);
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok(&format!("AUTH PLAIN {response}"));
    assert_eq!(pop.stat().0, messages::ordinary().len());
    pop.quit();
    let mut pop = Pop3Client::connect(daemon.port());
    assert_eq!(pop.ask("auth plain").expect("a challenge"), "+ ");
    pop.ok(&response);
    pop.quit();
    daemon.logged(&["login ok", "user=<alice>", "method=PLAIN"]);
}

#[test]
fn login_asks_twice() {
    let daemon = daemon();
    let mut pop = Pop3Client::connect(daemon.port());
    assert!(pop.ask("AUTH LOGIN").expect("a challenge").starts_with("+ "));
    assert!(pop.ask(&STANDARD.encode("alice")).expect("a challenge").starts_with("+ "));
    pop.ok(&STANDARD.encode("secret word"));
    pop.quit();
}

#[test]
fn an_exchange_can_be_cancelled_and_a_wrong_one_says_who_failed() {
    let daemon = daemon();
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ask("AUTH LOGIN").expect("a challenge");
    pop.err("*");
    let wrong = STANDARD.encode("\0alice\0wrong");
    assert!(pop.err(&format!("AUTH PLAIN {wrong}")).starts_with("[AUTH]"));
    daemon.logged(&["login failed", "user=<alice>", "reason=password"]);
    assert!(!pop.err("AUTH PLAIN !!!").contains("!!!"), "invalid base64 must be refused and not repeated");
    pop.err(&format!("AUTH PLAIN {wrong}"));
    assert!(pop.rest().is_empty(), "three failures must close the connection");
    daemon.account("alice").login().quit();
}

#[test]
fn auth_alone_lists_what_capa_offers() {
    let daemon = daemon();
    let mut pop = Pop3Client::connect(daemon.port());
    let listed = pop.lines("AUTH");
    let capabilities = pop.lines("CAPA");
    assert!(capabilities.contains(&format!("SASL {}", listed.join(" "))), "{capabilities:?}");
    assert!(
        listed.contains(&"PLAIN".to_owned()) && listed.contains(&"SCRAM-SHA-256".to_owned()),
        "{listed:?}"
    );
    assert!(
        !listed.contains(&"SCRAM-SHA-256-PLUS".to_owned()),
        "-PLUS without a channel to bind to: {listed:?}"
    );
}

#[test]
fn without_tls_no_mechanism_that_shows_the_password_is_offered_where_that_is_forbidden() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("allow_plaintext = \"never\"").start();
    let mut pop = Pop3Client::connect(daemon.port());
    assert_eq!(pop.lines("AUTH"), ["SCRAM-SHA-256"]);
    pop.err(&format!("AUTH PLAIN {}", STANDARD.encode(ALICE)));
}

#[test]
fn curl_logs_in_by_sasl() {
    let Some(curl) = need::program("curl") else { return };
    let daemon = daemon();
    for mechanism in ["PLAIN", "LOGIN"] {
        let got = Command::new(&curl)
            .args(["-sS", "--max-time", "20", "-u", "alice:secret word", "--login-options"])
            .arg(format!("AUTH={mechanism}"))
            .arg(format!("pop3://127.0.0.1:{}/1", daemon.port()))
            .output()
            .expect("curl");
        assert!(got.status.success(), "{mechanism}: {}", String::from_utf8_lossy(&got.stderr));
        assert_eq!(got.stdout, messages::ordinary()[0].wire());
        daemon.logged(&["login ok", &format!("method={mechanism}")]);
    }
}

#[test]
fn scram_proves_both_sides_and_many_exchanges_wait_at_once() {
    let daemon = daemon();
    // More clients than auth processes. A client that takes its time must not block an auth process.
    let mut thinking: Vec<Pop3Client> = (0..40).map(|_| Pop3Client::connect(daemon.port())).collect();
    for pop in &mut thinking {
        assert!(pop.ask("AUTH SCRAM-SHA-256").expect("a challenge").starts_with('+'));
    }
    let line = TcpStream::connect(("127.0.0.1", daemon.port())).expect("a connection");
    let last = scram(line, "SCRAM-SHA-256", None, "secret word");
    assert!(last.starts_with("+OK"), "{last}");
    daemon.logged(&["login ok", "user=<alice>", "method=SCRAM-SHA-256"]);
    let line = TcpStream::connect(("127.0.0.1", daemon.port())).expect("a connection");
    let last = scram(line, "SCRAM-SHA-256", None, "another word");
    assert!(last.starts_with("-ERR [AUTH]"), "{last}");
}

#[test]
fn scram_plus_is_bound_to_the_channel() {
    let Some(Secured { daemon, tls, certificate }) = secured("") else { return };
    let connect = || {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&certificate).expect("a certificate")).expect("a root");
        let config =
            rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_root_certificates(roots)
                .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        let mut socket = TcpStream::connect(("127.0.0.1", tls.number)).expect("a connection");
        client.complete_io(&mut socket).expect("a handshake");
        let binding = client
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
            .expect("a channel binding");
        (rustls::StreamOwned::new(client, socket), binding)
    };
    let (line, binding) = connect();
    let last = scram(line, "SCRAM-SHA-256-PLUS", Some(&binding), "secret word");
    assert!(last.starts_with("+OK"), "{last}");
    daemon.logged(&["login ok", "tls=TLSv1.3", "method=SCRAM-SHA-256-PLUS"]);
    let (line, _) = connect();
    let last = scram(line, "SCRAM-SHA-256-PLUS", Some(&[7; 32]), "secret word");
    assert!(last.starts_with("-ERR"), "a proof for another channel was accepted: {last}");
}

#[test]
fn a_clients_certificate_logs_it_in_and_nobody_else() {
    let Some(secured) = secured_by_client_ca() else { return };
    let folder = secured.certificate.parent().expect("its folder").to_owned();
    let address = format!("127.0.0.1:{}", secured.tls.number);
    for (name, commands, expected) in [
        ("alice", "AUTH EXTERNAL =\r\nSTAT\r\nQUIT\r\n", "+OK maildrop has"),
        ("alice", "AUTH EXTERNAL Ym9i\r\nQUIT\r\n", "-ERR [AUTH]"), // as bob
        ("stranger", "AUTH EXTERNAL =\r\nQUIT\r\n", "-ERR [AUTH]"),
    ] {
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        let said = openssl(&[&address, "-cert", &certificate, "-key", &key], commands);
        assert!(said.contains(expected), "{name}: {said}");
    }
    secured.daemon.logged(&["login ok", "user=<alice>", "method=EXTERNAL"]);
    // Without a certificate EXTERNAL is not even offered, and passwords still work.
    let said = openssl(&[&address], "CAPA\r\nAUTH EXTERNAL =\r\nUSER alice\r\nPASS secret word\r\nQUIT\r\n");
    assert!(
        !said.contains("EXTERNAL") && said.contains("-ERR") && said.contains("+OK maildrop has"),
        "{said}"
    );
}

/// A daemon that accepts client certificates: those of alice, identified by mail address, and that of a
/// stranger, identified by common name.
fn secured_by_client_ca() -> Option<Secured> {
    let openssl = need::program("openssl")?;
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &str| {
        let done = Command::new(&openssl)
            .args(arguments.split(' '))
            .current_dir(folder.path())
            .output()
            .expect("openssl");
        assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
    };
    let new = "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!("{new} -x509 -days 2 -subj /CN=ca -keyout ca.key -out ca.pem"));
    for (name, more) in
        [("alice", " -addext subjectAltName=email:alice"), ("stranger", " -addext keyUsage=digitalSignature")]
    {
        run(&format!("{new} -subj /CN={name} -keyout {name}.key -out {name}.csr{more}"));
        run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -copy_extensions copy \
             -out {name}.pem"
        ));
    }
    let ca = folder.path().join("ca.pem");
    let secured = secured_with(
        "sasl_mechanisms = [\"PLAIN\", \"EXTERNAL\"]",
        &format!("client_ca = \"{}\"", ca.display()),
    )?;
    for file in ["alice.pem", "alice.key", "stranger.pem", "stranger.key"] {
        let to = secured.certificate.with_file_name(file);
        std::fs::copy(folder.path().join(file), to).expect("a copy");
    }
    Some(secured)
}

/// A SCRAM client (RFC 5802) for the user alice. Returns the last reply.
fn scram(line: impl Read + Write, mechanism: &str, binding: Option<&[u8]>, password: &str) -> String {
    let mut line = BufReader::new(line);
    let greeting = reply(&mut line);
    assert!(greeting.starts_with("+OK"), "{greeting}");
    let header = if binding.is_some() { "p=tls-exporter,," } else { "n,," };
    let first = "n=alice,r=fyko+d2lbbFgONRv9qkxdawL";
    let begin = format!("AUTH {mechanism} {}", STANDARD.encode(format!("{header}{first}")));
    let server_first = match challenge(&mut line, &begin) {
        Ok(challenge) => challenge,
        Err(refused) => return refused,
    };
    let field = |name: char| {
        let found = server_first.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.expect("a field").to_owned()
    };
    let (nonce, salt, rounds) = (field('r'), STANDARD.decode(field('s')).expect("a salt"), field('i'));
    let mut salted = hmac(password.as_bytes(), &[&salt, &[0, 0, 0, 1][..]].concat());
    let mut round = salted;
    for _ in 1..rounds.parse::<u32>().expect("a count") {
        round = hmac(password.as_bytes(), &round);
        salted.iter_mut().zip(round).for_each(|(all, one)| *all ^= one);
    }
    let bound = [header.as_bytes(), binding.unwrap_or_default()].concat();
    let without_proof = format!("c={},r={nonce}", STANDARD.encode(bound));
    let signed = format!("{first},{server_first},{without_proof}");
    let client_key = hmac(&salted, b"Client Key");
    let mut proof = hmac(&Sha256::digest(client_key), signed.as_bytes());
    proof.iter_mut().zip(client_key).for_each(|(octet, key)| *octet ^= key);
    let last = format!("{without_proof},p={}", STANDARD.encode(proof));
    let server_final = match challenge(&mut line, &STANDARD.encode(last)) {
        Ok(challenge) => challenge,
        Err(refused) => return refused,
    };
    let server = hmac(&hmac(&salted, b"Server Key"), signed.as_bytes());
    assert_eq!(server_final, format!("v={}", STANDARD.encode(server)), "the server knows the password");
    say(&mut line, "");
    reply(&mut line)
}

fn challenge(line: &mut BufReader<impl Read + Write>, said: &str) -> Result<String, String> {
    say(line, said);
    let reply = reply(line);
    match reply.strip_prefix("+ ") {
        Some(challenge) => Ok(String::from_utf8(STANDARD.decode(challenge).expect("base64")).expect("text")),
        None => Err(reply),
    }
}

fn say(line: &mut BufReader<impl Read + Write>, text: &str) {
    line.get_mut().write_all(format!("{text}\r\n").as_bytes()).expect("writing");
}

fn reply(line: &mut BufReader<impl Read + Write>) -> String {
    let mut reply = String::new();
    line.read_line(&mut reply).expect("a reply");
    reply.trim_end().to_owned()
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(message);
    mac.finalize().into_bytes().into()
}
