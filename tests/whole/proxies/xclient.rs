//! XCLIENT, sent by the test itself.

use super::{CLIENT, PROXY, behind_proxy, connection, login, octets};
use crate::harness::{Daemon, Pop3Client};

const XCLIENT: &str = "xclient_networks = [\"127.0.0.2\"]";

fn from_proxy(daemon: &Daemon) -> Pop3Client {
    Pop3Client::over(connection(PROXY, daemon.port())).expect("a greeting")
}

#[test]
fn a_proxy_speaks_for_its_client() {
    let daemon = behind_proxy(&format!("{XCLIENT}\nallow_plaintext = \"always\"\ngreeting = \"ready\""));
    let mut pop = from_proxy(&daemon);
    assert_eq!(pop.greeting(), "+OK [XCLIENT] ready", "what a Dovecot looks for");
    pop.ok("USER somebody");
    pop.ok(&format!("XCLIENT ADDR={CLIENT} PORT=40000 SESSION=abc TTL=4 FORWARD={}", "eD15".repeat(500)));
    assert!(pop.err("PASS secret word").contains("USER"), "USER came from another client");
    assert!(pop.err("XCLIENT ADDR=203.0.113.8").contains("proxies"), "the client is not a proxy");
    login(&mut pop);
    pop.err("XCLIENT ADDR=203.0.113.8");
    let who = daemon.ctl(&["who"]).out;
    assert!(
        who.lines().any(|line| line.contains(" alice ") && line.contains(&format!(" {CLIENT} "))),
        "{who}"
    );
    pop.quit();
    daemon.logged(&["login ok", &format!("ip={CLIENT} ")]);
}

#[test]
fn a_proxy_does_not_wait_for_the_answer() {
    let daemon = behind_proxy(XCLIENT);
    let mut pop = from_proxy(&daemon);
    let said =
        format!("XCLIENT ADDR={CLIENT} CLIENT-TRANSPORT=TLS\r\nUSER alice\r\nPASS secret word\r\nQUIT\r\n");
    pop.send(said.as_bytes()).expect("sending");
    let rest = String::from_utf8(pop.rest()).expect("text");
    assert_eq!(rest.lines().filter(|line| line.starts_with("+OK")).count(), 4, "{rest}");
    daemon.logged(&["login ok", &format!("ip={CLIENT} "), "tls=unknown"]);
}

#[test]
fn passwords_in_the_clear_go_by_the_client_of_whom_the_proxy_tells() {
    let daemon = behind_proxy(XCLIENT);
    let mut pop = from_proxy(&daemon);
    pop.ok(&format!("XCLIENT ADDR={CLIENT} CLIENT-TRANSPORT=insecure"));
    pop.err("USER alice");
    daemon.logged(&["login failed", &format!("ip={CLIENT} "), "reason=plaintext"]);
    let mut local = from_proxy(&daemon);
    local.ok("XCLIENT ADDR=::1");
    login(&mut local);
}

#[test]
fn nobody_else_speaks_for_others() {
    for settings in ["", XCLIENT] {
        let daemon = behind_proxy(settings);
        let mut pop = Pop3Client::connect(daemon.port());
        assert!(!pop.greeting().contains("XCLIENT"), "{}", pop.greeting());
        assert!(!pop.lines("CAPA").iter().any(|line| line.contains("XCLIENT")));
        pop.err(&format!("XCLIENT ADDR={CLIENT}"));
        login(&mut pop);
        daemon.logged(&["login ok", "ip=127.0.0.1 "]);
        pop.quit();
    }
    // Nor does a client behind a proxy that uses the PROXY protocol: there the command comes from the client.
    let daemon = behind_proxy(super::HEADERS);
    let mut client = super::announced(&daemon, &octets(1, b""));
    assert!(!client.greeting().contains("XCLIENT"));
    client.err("XCLIENT ADDR=127.0.0.1");
    // The client's address is unknown, so this connection has the proxy's.
    let mut nobody = super::announced(&daemon, &octets(0, b""));
    nobody.err("XCLIENT ADDR=127.0.0.1");
    let mut proxy = super::announced(&daemon, &super::text("127.0.0.2"));
    assert!(proxy.greeting().contains("XCLIENT"));
    proxy.ok("XCLIENT ADDR=127.0.0.1");
}

#[test]
fn the_limit_for_an_address_is_that_of_the_client() {
    let daemon = behind_proxy(&format!("{XCLIENT}\nmax_servers_per_ip = 1"));
    let mut lines = [from_proxy(&daemon), from_proxy(&daemon), from_proxy(&daemon)];
    let [first, second, third] = &mut lines;
    first.ok("XCLIENT ADDR=203.0.113.1");
    second.ok("XCLIENT ADDR=203.0.113.2");
    assert!(third.err("XCLIENT ADDR=203.0.113.1").starts_with("[SYS/TEMP]"));
    assert_eq!(third.rest(), b"");
    daemon.logged(&["connection refused", "203.0.113.1", "reason=limit"]);
}

#[test]
fn what_is_no_address_is_refused_and_changes_nothing() {
    let daemon = behind_proxy(XCLIENT);
    let mut pop = from_proxy(&daemon);
    for wrong in
        ["XCLIENT", "XCLIENT ADDR", "XCLIENT ADDR=", "XCLIENT ADDR=somewhere", "XCLIENT ADDR=203.0.113.256"]
    {
        pop.err(wrong);
    }
    login(&mut pop);
    daemon.logged(&["login ok", "ip=127.0.0.2 "]);
}
