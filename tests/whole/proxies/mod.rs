//! Proxies in front of the server: the PROXY protocol and XCLIENT, and who may use them.
//!
//! The proxy in these tests has the address 127.0.0.2. The clients that it announces have addresses reserved
//! for documentation (RFC 5737).

mod dovecot;
mod haproxy;
mod nginx;
mod program;
mod xclient;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::Signal;

use crate::harness::{Daemon, Format, PATIENCE, Pop3Client, messages, need};
use crate::tls::secured;

const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const HEADERS: &str = "proxy_networks = [\"127.0.0.2\"]";
const CLIENT: &str = "203.0.113.7";

/// A daemon with a user alice and these settings.
fn behind_proxy(settings: &str) -> Daemon {
    Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).setting(settings).start()
}

/// A connection to a port of 127.0.0.1 from another address of this machine.
fn connection(from: Ipv4Addr, port: u16) -> TcpStream {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("a socket");
    bind(&socket, &SocketAddrV4::new(from, 0)).expect("an address of loopback");
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).expect("a connection");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// A connection from the proxy that starts with this header. The greeting has been read.
fn announced(daemon: &Daemon, header: &[u8]) -> Pop3Client {
    let mut stream = connection(PROXY, daemon.port());
    stream.write_all(header).expect("sending the header");
    Pop3Client::over(stream).expect("a greeting")
}

/// A header of version 1 for a client with this address.
fn text(client: &str) -> Vec<u8> {
    let (family, here) = if client.contains(':') { ("TCP6", "::1") } else { ("TCP4", "127.0.0.1") };
    format!("PROXY {family} {client} {here} 40000 110\r\n").into_bytes()
}

/// A header of version 2 with this command, for a client at [`CLIENT`], and these TLVs after the addresses.
fn octets(command: u8, values: &[u8]) -> Vec<u8> {
    let length = u16::try_from(12 + values.len()).expect("a short header").to_be_bytes();
    let addresses = [203, 0, 113, 7, 127, 0, 0, 1, 0x9c, 0x40, 0, 110];
    [b"\r\n\r\n\0\r\nQUIT\n", &[0x20 | command, 0x11][..], &length, &addresses, values].concat()
}

/// The TLV that says that the client uses TLS 1.3 to the proxy.
const OVER_TLS: &[u8] = b"\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.3";

fn login(pop: &mut Pop3Client) {
    pop.ok("USER alice");
    pop.ok("PASS secret word");
}

#[test]
fn the_address_in_the_header_is_the_one_that_counts() {
    let daemon = behind_proxy(&format!("{HEADERS}\nallow_plaintext = \"always\""));
    for (header, client) in [
        (text("203.0.113.1"), "203.0.113.1"),
        (text("2001:db8::1"), "2001:db8::1"),
        (octets(1, b""), CLIENT),
        (octets(1, b"\x04\x00\x03pad"), CLIENT),
        // The proxy's own connection, or one from an unknown client: the proxy's address counts.
        (octets(0, b""), "127.0.0.2"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.2"),
    ] {
        let mut pop = announced(&daemon, &header);
        login(&mut pop);
        let who = daemon.ctl(&["who"]).out;
        assert!(
            who.lines().any(|line| line.contains(" alice ") && line.contains(&format!(" {client} "))),
            "{who}"
        );
        pop.quit();
        daemon.logged(&["login ok", "user=<alice>", &format!("ip={client} ")]);
        daemon.logged(&["logout", &format!("ip={client} ")]);
    }
    let mut failed = announced(&daemon, &text("203.0.113.2"));
    failed.ok("USER alice");
    failed.err("PASS wrong");
    daemon.logged(&["login failed", "ip=203.0.113.2 ", "reason=password"]);
}

#[test]
fn a_header_in_pieces_is_one_and_what_comes_behind_it_is_the_clients() {
    let daemon = behind_proxy(HEADERS);
    for header in [text("127.0.0.1"), octets(0, b"\x04\x00\x03pad")] {
        let mut stream = connection(PROXY, daemon.port());
        stream.set_nodelay(true).expect("no delay");
        for octet in &header {
            stream.write_all(&[*octet]).expect("sending an octet");
        }
        login(&mut Pop3Client::over(stream).expect("a greeting"));
        daemon.account("alice").login_when_free().quit();

        let mut stream = connection(PROXY, daemon.port());
        stream
            .write_all(&[&header[..], b"USER alice\r\nPASS secret word\r\nSTAT\r\nQUIT\r\n"].concat())
            .expect("all at once");
        let rest = String::from_utf8(Pop3Client::over(stream).expect("a greeting").rest()).expect("text");
        assert_eq!(rest.lines().filter(|line| line.starts_with("+OK")).count(), 4, "{rest}");
    }
}

#[test]
fn passwords_in_the_clear_go_by_the_clients_address() {
    let daemon = behind_proxy(HEADERS);
    let mut far = announced(&daemon, &text(CLIENT));
    assert!(!far.lines("CAPA").contains(&"USER".to_owned()));
    far.err("USER alice");
    daemon.logged(&["login failed", &format!("ip={CLIENT} "), "reason=plaintext"]);
    login(&mut announced(&daemon, &text("127.0.0.1")));
}

#[test]
fn tls_that_ends_at_the_proxy_counts_as_far_as_it_says_so() {
    let daemon = behind_proxy(&format!("{HEADERS}\nallow_plaintext = \"never\""));
    let mut pop = announced(&daemon, &octets(1, OVER_TLS));
    let capabilities = pop.lines("CAPA");
    assert!(capabilities.contains(&"USER".to_owned()), "{capabilities:?}");
    assert!(!capabilities.contains(&"STLS".to_owned()), "{capabilities:?}");
    pop.err("STLS");
    login(&mut pop);
    daemon.logged(&["login ok", &format!("ip={CLIENT} "), "tls=TLSv1.3"]);
    let who = daemon.ctl(&["who"]).out;
    assert!(who.lines().any(|line| line.contains(" alice ") && line.contains("TLSv1.3")), "{who}");
    // The same without the bit for TLS on the client's side.
    let mut without = OVER_TLS.to_vec();
    without[3] = 0;
    announced(&daemon, &octets(1, &without)).err("USER alice");
}

#[test]
fn implicit_tls_comes_after_the_header() {
    let (Some(secured), Some(curl)) = (secured(HEADERS), need::program("curl")) else { return };
    for (scheme, port, more) in
        [("pop3s", secured.tls.number, None), ("pop3", secured.daemon.port(), Some("--ssl-reqd"))]
    {
        let got = std::process::Command::new(&curl)
            .args(["-sS", "--max-time", "60", "--interface", "127.0.0.2", "--haproxy-protocol"])
            .args([
                "-u",
                "alice:secret word",
                "--resolve",
                &format!("localhost:{port}:127.0.0.1"),
                "--cacert",
            ])
            .arg(&secured.certificate)
            .args(more)
            .arg(format!("{scheme}://localhost:{port}/1"))
            .output()
            .expect("curl");
        assert!(got.status.success(), "{scheme}: {}", String::from_utf8_lossy(&got.stderr));
        assert_eq!(got.stdout, messages::ordinary()[0].wire());
    }
    secured.daemon.logged(&["login ok", "ip=127.0.0.2 ", "tls=TLSv1."]);
}

#[test]
fn a_proxy_must_send_a_header_and_nobody_else_may() {
    let daemon = behind_proxy(&format!("{HEADERS}\nlogin_timeout = 1"));
    for (said, why) in [
        (&b"CAPA\r\n"[..], "does not begin with"),
        (b"PROXY TCP4 nobody nowhere 1 2\r\n", "malformed address"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x99\0\0", "undefined 0x99"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "too long"),
        (&[&b"PROXY UNKNOWN "[..], &[b'x'; 500]].concat(), "too long"),
        (b"", "sends no PROXY"),
        (b"PROXY TCP4 203.0.113.7 127.", "sends no PROXY"),
    ] {
        let mut stream = connection(PROXY, daemon.port());
        stream.write_all(said).expect("sending");
        let mut rest = Vec::new();
        // Input that the server did not read makes the kernel reset the connection, possibly before the line
        // arrives.
        let _ = stream.read_to_end(&mut rest);
        let rest = String::from_utf8_lossy(&rest).into_owned();
        assert!(rest.is_empty() || rest.starts_with("-ERR a PROXY protocol header"), "{rest}");
        daemon.logged(&["connection refused", "ip=127.0.0.2 ", why]);
    }
    // A connection that only checks whether the server listens is not an error.
    drop(connection(PROXY, daemon.port()));
    for header in [text(CLIENT), octets(1, b"")] {
        let mut other = Pop3Client::connect(daemon.port());
        other.send(&header).expect("sending");
        assert!(other.reply().expect("a reply").starts_with("-ERR"), "it must be treated as a command");
    }
    assert!(!daemon.log().contains(CLIENT), "from an address that is not a proxy: {}", daemon.log());
}

#[test]
fn the_limit_for_an_address_is_the_clients() {
    let daemon = behind_proxy(&format!("{HEADERS}\nmax_servers_per_ip = 1"));
    let first = announced(&daemon, &text("203.0.113.1"));
    let second = announced(&daemon, &text("203.0.113.2"));
    let mut third = announced(&daemon, &text("203.0.113.1"));
    assert!(third.greeting().starts_with("-ERR [SYS/TEMP] "), "{}", third.greeting());
    third.rest();
    daemon.logged(&["connection refused", "ip=203.0.113.1 ", "reason=limit"]);
    // The limit per address does not apply to the proxy's own connections.
    let own = [announced(&daemon, &octets(0, b"")), announced(&daemon, &octets(0, b""))];
    for pop in own.into_iter().chain([first, second]) {
        pop.quit();
    }
    let again = announced(&daemon, &text("203.0.113.1"));
    assert!(again.greeting().starts_with("+OK"), "the slot must be free again");
}

#[test]
fn the_rules_for_access_are_about_the_client() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let rules = daemon.path("rules");
    std::fs::write(&rules, "DENY 203.0.113.\n").expect("the rules");
    let settings =
        format!("{HEADERS}\nallow_plaintext = \"always\"\nhosts_allow_deny = \"{}\"", rules.display());
    let daemon = daemon.setting(&settings).start();
    let mut denied = announced(&daemon, &text(CLIENT));
    denied.ok("USER alice");
    denied.err("PASS secret word");
    daemon.logged(&["login failed", &format!("ip={CLIENT} "), "reason=denied-host"]);
    login(&mut announced(&daemon, &text("198.51.100.1")));
}

#[test]
fn a_header_that_is_still_to_come_outlives_a_reading_of_the_settings() {
    let mut daemon = behind_proxy(&format!("{HEADERS}\nlogin_timeout = 3600"));
    let mut stream = connection(PROXY, daemon.port());
    stream.write_all(b"PROXY TCP4 127.0.0.1 ").expect("half a header");
    crate::harness::eventually("the connection", || {
        daemon.ctl(&["who"]).out.contains(" 127.0.0.2 ").then_some(())
    });
    crate::reload::reread(&mut daemon, "timeout = 500");
    stream.write_all(b"127.0.0.1 1 2\r\n").expect("the rest of it");
    let mut pop = Pop3Client::over(stream).expect("a greeting");
    login(&mut pop);
    pop.quit();

    let mut stream = connection(PROXY, daemon.port());
    daemon.supervisor().signal(Signal::HUP);
    assert_eq!(stream.read_to_end(&mut Vec::new()).ok(), Some(0), "it must end at once, with all others");
}
