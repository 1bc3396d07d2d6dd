//! A real HAProxy, with every kind of PROXY header that it sends.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;

use super::program::Program;
use super::{connection, login};
use crate::harness::{Daemon, Format, Pop3Client, Port, eventually, messages, need};
use crate::tls::{openssl, secure};

/// The addresses of the proxy's clients.
const FAR: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

#[test]
fn haproxy_tells_whose_connection_it_passes_on() {
    let Some(program) = need::program("haproxy") else { return };
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let Some(secured) = secure(daemon, super::HEADERS, "") else { return };
    let (daemon, pop3, pop3s) = (&secured.daemon, secured.daemon.port(), secured.tls.number);
    let parts = [&secured.certificate, &secured.certificate.with_extension("key")];
    let both = daemon.path("both.pem");
    fs::write(&both, parts.map(|part| fs::read_to_string(part).expect("a file")).concat()).expect("a file");
    let ends_tls = format!("ssl crt {}", both.display());

    let ways: [(&str, u16, &str); 5] = [
        ("", pop3, "send-proxy check inter 100ms"),
        ("", pop3, "send-proxy-v2 check inter 100ms"),
        // The proxy terminates TLS, passes it through, or terminates it and opens a new TLS connection.
        (&ends_tls, pop3, "send-proxy-v2-ssl"),
        ("", pop3s, "send-proxy-v2"),
        (&ends_tls, pop3s, "send-proxy ssl verify none"),
    ];
    let ports = ways.each_ref().map(|_| Port::reserve());
    let control = daemon.path("haproxy.sock");
    let mut configuration = format!(
        "global\n  stats socket {}\ndefaults\n  mode tcp\n  timeout connect 60s\n  timeout client 120s\n  \
         timeout server 120s\n",
        control.display()
    );
    for (nth, ((ends_tls, to, header), port)) in ways.iter().zip(&ports).enumerate() {
        configuration += &format!(
            "listen way{nth}\n  bind 127.0.0.1:{} {ends_tls}\n  option tcp-check\n  tcp-check expect string \
             +OK\n  \
             server mpopd 127.0.0.1:{to} {header} source 127.0.0.2\n",
            port.number
        );
    }
    let file = daemon.path("haproxy.cfg");
    fs::write(&file, configuration).expect("a configuration");
    let haproxy =
        Program::start(Command::new(program).arg("-db").arg("-f").arg(file), &daemon.path("haproxy.log"));
    let [v1, v2, ended, passed, renewed] = ports.each_ref().map(|port| port.number);
    eventually("haproxy", || TcpStream::connect(("127.0.0.1", renewed)).ok());

    for port in [v1, v2] {
        let mut pop = Pop3Client::over(connection(FAR, port)).expect("a greeting");
        login(&mut pop);
        pop.quit();
        eventually("its login", || {
            let logins = daemon
                .log()
                .lines()
                .filter(|line| line.contains("login ok ") && line.contains("ip=127.0.0.7 "))
                .count();
            (logins == if port == v1 { 1 } else { 2 }).then_some(())
        });
    }
    for (nth, port) in [ended, passed, renewed].into_iter().enumerate() {
        let commands = "CAPA\r\nUSER alice\r\nPASS secret word\r\nQUIT\r\n";
        let said = openssl(&[&format!("127.0.0.1:{port}")], commands);
        assert!(said.contains("+OK maildrop has") && !said.contains("\nSTLS"), "{said}");
        eventually("its login", || (daemon.log().matches("tls=TLSv1.3").count() == nth + 1).then_some(()));
    }

    // Health checks get a greeting like any client, and are not logged as errors.
    eventually("that both checks went well", || {
        let mut socket = UnixStream::connect(&control).ok()?;
        socket.write_all(b"show stat\n").ok()?;
        let mut figures = String::new();
        socket.read_to_string(&mut figures).ok()?;
        (figures.matches(",L7OK,").count() == 2).then_some(())
    });
    assert!(!daemon.log().contains("connection refused"), "{}", daemon.log());
    drop(haproxy);
}
