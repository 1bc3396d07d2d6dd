//! TLS from the start and after STLS, with a small server that has a self-signed certificate.
#![allow(clippy::unwrap_used, reason = "a panic is the verdict")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

#[derive(Clone, Copy, PartialEq)]
enum Begin {
    AtOnce,
    AfterStls,
    /// With a line in clear text right after the reply to STLS.
    AfterStlsWithALine,
    Never,
}

/// A self-signed certificate; nothing without openssl.
fn configuration() -> Option<Arc<ServerConfig>> {
    let folder = tempfile::tempdir().unwrap();
    let [key, certificate] = ["key", "certificate"].map(|name| folder.path().join(name));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.args(["-days", "2", "-subj", "/CN=localhost", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    if command.output().is_err() {
        assert!(std::env::var("CI").is_err(), "openssl is missing");
        eprintln!("skipped: there is no openssl to make a certificate with");
        return None;
    }
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Some(Arc::new(config))
}

/// Starts a server with one empty maildrop, and returns its port.
fn server(begin: Begin, config: &Arc<ServerConfig>) -> u16 {
    let config = config.clone();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let config = config.clone();
            // A client may go away in the middle of a session.
            thread::spawn(move || drop(serve(stream.unwrap(), begin, config)));
        }
    });
    port
}

fn serve(mut stream: TcpStream, begin: Begin, config: Arc<ServerConfig>) -> io::Result<()> {
    if begin == Begin::AtOnce {
        let mut tls = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
        tls.write_all(b"+OK ready\r\n")?;
        return dialogue(&mut tls);
    }
    stream.write_all(b"+OK ready\r\n")?;
    let mut line = String::new();
    BufReader::with_capacity(1, &stream).read_line(&mut line)?;
    if line != "STLS\r\n" {
        return Ok(());
    }
    match begin {
        Begin::Never => return stream.write_all(b"-ERR no TLS here\r\n"),
        Begin::AfterStlsWithALine => stream.write_all(b"+OK\r\n+OK smuggled\r\n")?,
        _ => stream.write_all(b"+OK\r\n")?,
    }
    dialogue(&mut StreamOwned::new(ServerConnection::new(config).unwrap(), stream))
}

fn dialogue(stream: &mut (impl Read + Write)) -> io::Result<()> {
    let mut line = Vec::new();
    let mut octet = [0];
    while stream.read(&mut octet)? == 1 {
        line.push(octet[0]);
        if octet == *b"\n" {
            let answer = if line.starts_with(b"STAT") { &b"+OK 0 0\r\n"[..] } else { b"+OK\r\n" };
            stream.write_all(answer)?;
            stream.flush()?;
            line.clear();
        }
    }
    Ok(())
}

fn run(port: u16, tls: &str) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_mpopd_test"))
        .args(["-h", "127.0.0.1", "-n", &port.to_string(), "-u", "alice", "-p", "pw"])
        .args(["--count", "3", "--json", "--tls", tls])
        .output()
        .unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn sessions_are_held_in_tls_from_the_start_and_after_stls() {
    let Some(config) = configuration() else { return };
    for (begin, tls) in [(Begin::AtOnce, "pop3s"), (Begin::AfterStls, "stls")] {
        let (status, json) = run(server(begin, &config), tls);
        assert_eq!((status, &json["sessions"]), (Some(0), &3.into()), "{json}");
        let timed =
            json["latency"].as_array().unwrap().iter().find(|latency| latency["phase"] == "tls").unwrap();
        assert_eq!(timed["count"], 3);
    }
}

#[test]
fn clear_text_after_stls_is_a_fault() {
    let Some(config) = configuration() else { return };
    let (status, json) = run(server(Begin::AfterStlsWithALine, &config), "stls");
    assert_eq!(status, Some(1));
    assert!(
        json["faults"]["tls"]["sample"].as_str().unwrap().contains("clear text after its answer to STLS"),
        "{json}"
    );
}

#[test]
fn no_password_is_sent_when_tls_does_not_begin() {
    let Some(config) = configuration() else { return };
    let (status, json) = run(server(Begin::Never, &config), "stls");
    assert_eq!(status, Some(1));
    let fault = &json["faults"]["command-refused"];
    assert!(fault["sample"].as_str().unwrap().contains("STLS: -ERR no TLS here"), "{json}");
    assert!(!fault["transcript"].as_str().unwrap().contains("PASS"));
    // Clear text where the handshake is due.
    let (_, json) = run(server(Begin::Never, &config), "pop3s");
    assert_eq!(json["faults"]["tls"]["count"], 3, "{json}");
}
