//! mpopd serves one connection that another program accepted: the test itself, or a real inetd with tcpd.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;

use crate::harness::{
    Daemon, Format, MPOPD, PATIENCE, Pop3Client, Port, Process, TestAccount, eventually, messages, need,
};

#[test]
fn descriptor_0_is_served_and_then_it_ends() {
    for option in [&["--inetd"][..], &[]] {
        let daemon = Daemon::new(Format::Maildir).user("alice", &messages::ordinary());
        let (mut child, account) = by_hand(&daemon, option);
        let mut pop = account.join().expect("a session");
        assert_eq!(pop.retrieve_all().len(), messages::ordinary().len());
        pop.ok("DELE 1");
        pop.quit();
        let status = eventually("its end", || child.try_wait().expect("waiting"));
        assert_eq!(status.code(), Some(0), "{option:?}");
        assert!(
            !daemon.pid_file().exists() && !daemon.control_socket().exists(),
            "it must not run as a daemon"
        );
        let (mut child, account) = by_hand(&daemon, option);
        let mut pop = account.join().expect("a session");
        assert_eq!(pop.stat().0, messages::ordinary().len() - 1);
        // A client that disconnects ends the process, too, and deletes nothing.
        pop.ok("DELE 1");
        drop(pop);
        eventually("its end", || child.try_wait().expect("waiting"));
    }
}

#[test]
fn sigterm_tells_the_client() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    let (mut child, account) = by_hand(&daemon, &["--inetd"]);
    let mut pop = account.join().expect("a session");
    pop.ok("DELE 1");
    Process(child.id()).signal(Signal::TERM);
    let rest = pop.rest();
    assert!(rest.starts_with(b"-ERR [SYS/TEMP] "), "{}", rest.escape_ascii());
    let status = eventually("its end", || child.try_wait().expect("waiting"));
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_fault_is_not_told_to_the_client() {
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &[]);
    daemon.reconfigure("timeout = \"soon\"");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listening");
    let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let mut child = start(&daemon, listener.accept().expect("a connection").0, &["--inetd"]);
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut said = String::new();
    client.read_to_string(&mut said).expect("a last word");
    assert!(said.starts_with("-ERR [SYS/TEMP] ") && said.lines().count() == 1, "{said}");
    assert!(!said.contains("timeout") && !said.contains("mpopd.conf"), "{said}");
    assert_eq!(child.wait().expect("its end").code(), Some(1));
}

#[test]
fn without_a_connection_inetd_mode_says_so() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &[]);
    daemon.configure();
    let done = daemon.command(&["--inetd"]).output().expect("running mpopd");
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("descriptor 0") && said.lines().count() == 1, "{said}");
}

#[test]
fn a_real_inetd_with_tcpd_serves_whom_hosts_deny_does_not_name() {
    let (Some(inetd), Some(tcpd), Some(unshare), Some(())) =
        (need::program("inetd"), need::program("tcpd"), need::program("unshare"), need::root())
    else {
        return;
    };
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    daemon.configure();
    let port = Port::reserve();
    let table = daemon.path("inetd.conf");
    // The line from conf/inetd, with the port, the program and the settings of this test.
    let line = shipped("inetd.conf")
        .replace("pop3 ", &format!("127.0.0.1:{} ", port.number))
        .replace("/usr/sbin/tcpd", &tcpd.display().to_string())
        .replace(
            "/usr/sbin/mpopd --inetd",
            &format!("{MPOPD} --inetd -c {}", daemon.configuration().display()),
        );
    assert!(line.contains(&port.number.to_string()) && line.contains(MPOPD), "{line}");
    fs::write(&table, line).expect("inetd.conf");
    let deny = daemon.path("hosts.deny");
    fs::write(&deny, "mpopd: 127.0.0.2\n").expect("hosts.deny");
    fs::set_permissions(&deny, fs::Permissions::from_mode(0o644)).expect("hosts.deny");
    // tcpd reads only /etc/hosts.deny. The bind mount is visible to this inetd and nothing else.
    let script = format!(
        "mount --bind {} /etc/hosts.deny && exec {} -i {}",
        deny.display(),
        inetd.display(),
        table.display()
    );
    let child = Command::new(unshare)
        .args(["--mount", "sh", "-c", &script])
        .stdin(Stdio::null())
        .spawn()
        .expect("running unshare");
    let inetd = Inetd(child);
    let account = TestAccount { port: port.number, ..daemon.account("alice") };
    let mut pop = eventually("a session", || account.try_login().ok());
    assert_eq!(pop.retrieve_all().len(), messages::ordinary().len());
    pop.quit();

    let mut denied = connect_from(Ipv4Addr::new(127, 0, 0, 2), port.number);
    let mut said = Vec::new();
    let _ = denied.read_to_end(&mut said);
    assert!(said.is_empty(), "{}", said.escape_ascii());
    let mut allowed = connect_from(Ipv4Addr::new(127, 0, 0, 3), port.number);
    allowed.write_all(b"QUIT\r\n").expect("sending");
    let mut said = String::new();
    allowed.read_to_string(&mut said).expect("both replies");
    assert!(said.starts_with("+OK ") && said.lines().count() == 2, "{said}");
    drop(inetd);
}

#[test]
fn a_real_xinetd_serves() {
    let (Some(xinetd), Some(())) = (need::peer("xinetd", "usr/sbin/xinetd"), need::root()) else { return };
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary());
    daemon.configure();
    let port = Port::reserve();
    // The file from conf/inetd, with the port, the program and the settings of this test.
    let service = shipped("xinetd.conf")
        .replace("/usr/sbin/mpopd", MPOPD)
        .replace("--inetd", &format!("--inetd -c {}", daemon.configuration().display()))
        .replace("flags ", "bind = ::ffff:127.0.0.1\n flags ")
        .replace("{\n", &format!("{{\n type = UNLISTED\n port = {}\n", port.number));
    assert!(service.contains("bind") && service.contains("UNLISTED") && service.contains(MPOPD), "{service}");
    let table = daemon.path("xinetd.conf");
    fs::write(&table, service).expect("xinetd.conf");
    let child = Command::new(xinetd)
        .args(["-dontfork", "-filelog"])
        .arg(daemon.path("xinetd.log"))
        .arg("-pidfile")
        .arg(daemon.path("xinetd.pid"))
        .arg("-f")
        .arg(&table)
        .stdin(Stdio::null())
        .spawn()
        .expect("running xinetd");
    let xinetd = Inetd(child);
    let account = TestAccount { port: port.number, ..daemon.account("alice") };
    let mut pop = eventually("a session", || account.try_login().ok());
    assert_eq!(pop.retrieve_all().len(), messages::ordinary().len());
    pop.quit();
    drop(xinetd);
}

/// A file of conf/inetd.
fn shipped(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/inetd").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Killed at the end of the test.
struct Inetd(Child);

impl Drop for Inetd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts mpopd with a connection as all its standard descriptors, as inetd does. Returns the session at the
/// other end, too.
fn by_hand(daemon: &Daemon, options: &[&str]) -> (Child, std::thread::JoinHandle<Pop3Client>) {
    daemon.configure();
    let listener = TcpListener::bind("127.0.0.1:0").expect("listening");
    let port = listener.local_addr().expect("an address").port();
    let account = TestAccount { port, ..daemon.account("alice") };
    let client = std::thread::spawn(move || account.login());
    (start(daemon, listener.accept().expect("a connection").0, options), client)
}

fn start(daemon: &Daemon, connection: TcpStream, options: &[&str]) -> Child {
    let again = || Stdio::from(OwnedFd::from(connection.try_clone().expect("a descriptor")));
    let mut command = daemon.command(options);
    command.stdin(again()).stdout(again()).stderr(again()).spawn().expect("running mpopd")
}

fn connect_from(address: Ipv4Addr, port: u16) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddrV4::new(address, 0)).expect("an address of ours");
    connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).expect("a connection");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}
