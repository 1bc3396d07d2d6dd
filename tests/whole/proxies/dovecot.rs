//! A real Dovecot as the proxy, which uses XCLIENT.

use std::fs;
use std::net::Ipv4Addr;
use std::process::Command;

use super::program::Program;
use super::{connection, login};
use crate::harness::{Daemon, Format, Pop3Client, Port, eventually, messages, need};
use crate::tls::secure;

#[test]
fn dovecot_tells_for_whom_it_speaks() {
    let (Some(()), Some(program)) = (need::root(), need::program("dovecot")) else { return };
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let Some(secured) = secure(daemon, "xclient_networks = [\"127.0.0.2\"]", "") else { return };
    let daemon = &secured.daemon;
    // Without TLS, with STLS, and with TLS from the start.
    for (nth, (port, ssl)) in
        [(daemon.port(), ""), (daemon.port(), "starttls=any-cert"), (secured.tls.number, "ssl=any-cert")]
            .into_iter()
            .enumerate()
    {
        let front = Port::reserve();
        let home = daemon.path(&format!("dovecot{nth}"));
        fs::create_dir(&home).expect("a folder");
        let configuration = format!(
            "protocols = pop3\nbase_dir = {0}/run\nstate_dir = {0}/state\nlog_path = /dev/stderr\nssl = no\n\
             disable_plaintext_auth = no\nauth_mechanisms = plain\n\
             passdb {{\n  driver = static\n  args = proxy=y host=127.0.0.1 port={port} source_ip=127.0.0.2 \
             nopassword=y {ssl}\n}}\n\
             userdb {{\n  driver = static\n  args = uid=65534 gid=65534 home=/nowhere\n}}\n\
             service pop3-login {{\n  inet_listener pop3 {{\n    address = 127.0.0.1\n    port = {1}\n  }}\n\
             inet_listener pop3s {{\n    port = 0\n  }}\n}}\n",
            home.display(),
            front.number
        );
        let file = home.join("dovecot.conf");
        fs::write(&file, configuration).expect("a configuration");
        let dovecot = Program::start(Command::new(&program).arg("-F").arg("-c").arg(file), &home.join("log"));
        let client = Ipv4Addr::new(127, 0, 1, u8::try_from(nth).expect("few") + 1);
        eventually("Dovecot", || Pop3Client::try_connect(front.number).ok());
        let mut pop = Pop3Client::over(connection(client, front.number)).expect("a greeting");
        login(&mut pop);
        assert_eq!(pop.stat().0, messages::ordinary().len());
        pop.quit();
        let tls = if ssl.is_empty() { "tls=none" } else { "tls=TLSv1." };
        daemon.logged(&["login ok", "user=<alice>", &format!("ip={client} "), tls]);
        drop(dovecot);
    }
}
