//! mpopd with users in a database or an LDAP server: from `PASS` to a message, and the replies to clients
//! when a server is down.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;

use super::ldap::Slapd;
use super::memory;
use super::postgres::Cluster;
use super::program::{Server, find, free_port, listens, run, write};
use super::tokens::TokenServer;

/// The owner of the mail in these tests.
const OWNER: u32 = 54_321;

/// mpopd with the settings of a test and a mailbox for alice, in its own folder.
struct Daemon {
    folder: tempfile::TempDir,
    port: u16,
    program: PathBuf,
}

impl Daemon {
    fn new(settings: &str) -> Option<Self> {
        let program = Path::new(env!("CARGO_BIN_EXE_mpopd-directory")).with_file_name("mpopd");
        let program = find("mpopd (cargo build -p mpopd)", &[program.to_str().unwrap()])?;
        let folder =
            tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["mail", "empty"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        write(&path("mail/alice"), "From x@example.org Mon Nov 23 10:00:00 2026\nSubject: hello\n\nbody\n");
        let port = free_port();
        let root = sys::identity::is_root();
        if root {
            chown(path("mail/alice"), Some(OWNER), Some(OWNER)).unwrap();
            make_user();
        }
        let here = folder.path().display();
        write(
            &path("mpopd.conf"),
            &format!(
                "port = {port}\nlisten = [\"127.0.0.1\"]\nuser = \"nobody\"\nchroot = \"{here}/empty\"\nauth_type = 6\n\
                 allow_plaintext = \"always\"\nlock_methods = [\"fcntl\"]\nmail_spool_dir = \"{here}/mail\"\n\
                 state_dir = \"{here}/state\"\ncontrol_socket = \"{here}/control\"\nmpopd_pid_file = \"{here}/pid\"\n\
                 auth_failure_delay = 0\n{settings}"
            ),
        );
        Some(Self { folder, port, program })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.path().join("mpopd.conf")).stdin(Stdio::null());
        command
    }

    fn start(&self) -> Server {
        let log = std::fs::File::create(self.log()).unwrap();
        let started = Server::try_start(self.command().arg("-F").stderr(log), || listens(self.port));
        started.unwrap_or_else(|error| panic!("{error}\n{}", self.logged()))
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn logged(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap()
    }

    /// Waits until the log contains this, and returns the log. Another process writes it, so a line may
    /// appear after the reply that it is about.
    fn logged_with(&self, part: &str) -> String {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let log = self.logged();
            if log.contains(part) {
                return log;
            }
            assert!(Instant::now() < until, "no {part:?} in {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The reply to PASS without its line end.
    fn login(&self, user: &str, password: &str) -> String {
        let mut client = Client::connect(self.port);
        assert!(client.say(&format!("USER {user}")).starts_with("+OK"));
        client.say(&format!("PASS {password}"))
    }

    /// Waits until a login is accepted, since a killed program is started again.
    fn login_when_back(&self, user: &str, password: &str) {
        let until = Instant::now() + Duration::from_secs(120);
        loop {
            let said = self.login(user, password);
            if said.starts_with("+OK") {
                return;
            }
            assert!(said.starts_with("-ERR [SYS/TEMP]"), "{said}");
            assert!(Instant::now() < until, "{}", self.logged());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The pid of the only mpopd-directory that this daemon's supervisor runs.
    fn directory(&self, supervisor: u32) -> rustix::process::Pid {
        let roles = roles(supervisor);
        let pids: Vec<u32> =
            roles.iter().filter(|(_, name)| name == "mpopd-directory").map(|(pid, _)| *pid).collect();
        assert_eq!(pids.len(), 1, "{roles:?}");
        rustix::process::Pid::from_raw(pids[0].cast_signed()).unwrap()
    }
}

/// The running child processes of a supervisor, with their names.
fn roles(supervisor: u32) -> Vec<(u32, String)> {
    let children = std::fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children")).unwrap();
    let named = |pid: &str| {
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some((pid.parse().ok()?, name.trim().to_owned()))
    };
    children.split_whitespace().filter_map(named).collect()
}

/// Creates the user that mpopd's package creates. Like the package, the test does not remove it.
fn make_user() {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        if sys::identity::user_by_name("mpopd-directory").unwrap().is_none() {
            run(Command::new("useradd").args(["--system", "--no-create-home", "mpopd-directory"]));
        }
    });
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let mut client = Self(BufReader::new(stream));
        assert!(client.line().starts_with("+OK"));
        client
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn say(&mut self, line: &str) -> String {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.line()
    }

    /// The lines of a multi-line reply.
    fn listed(&mut self, line: &str) -> Vec<String> {
        assert!(self.say(line).starts_with("+OK"));
        std::iter::from_fn(|| Some(self.line()).filter(|line| line != ".")).collect()
    }
}

const TEMPORARY: &str = "-ERR [SYS/TEMP]";
const REFUSED: &str = "-ERR [AUTH]";

fn fill(path: &Path) {
    let owner = if sys::identity::is_root() { OWNER } else { rustix::process::getuid().as_raw() };
    let made = path.with_extension("new");
    Connection::open(&made)
        .unwrap()
        .execute_batch(&format!(
            "CREATE TABLE users (name TEXT, password TEXT, uid INTEGER);
             INSERT INTO users VALUES ('alice', '{{PLAIN}}se cret', {owner}), ('root', '{{PLAIN}}se cret', 0);"
        ))
        .unwrap();
    std::fs::rename(made, path).unwrap();
}

#[test]
fn a_database_in_place_of_the_user_list() {
    let database = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let path = database.path().join("users.db");
    let settings = format!(
        "[sql]\nurl = \"sqlite:{}\"\nquery = \"SELECT password, uid FROM users WHERE name = %u\"\n",
        path.display()
    );
    let Some(daemon) = Daemon::new(&settings) else { return };
    let server = daemon.start();
    assert!(
        daemon.login("alice", "se cret").starts_with(TEMPORARY),
        "the login must fail while there is no database"
    );
    fill(&path);
    let mut client = Client::connect(daemon.port);
    client.say("USER alice");
    assert!(client.say("PASS se cret").starts_with("+OK"));
    assert!(client.listed("RETR 1").contains(&"Subject: hello".to_owned()));
    assert!(client.say("QUIT").starts_with("+OK"));

    assert!(daemon.login("alice", "secret").starts_with(REFUSED));
    assert!(daemon.login("bob", "se cret").starts_with(REFUSED));
    assert!(daemon.login("' OR '1'='1", "se cret").starts_with(REFUSED));
    assert!(!daemon.login("root", "se cret").starts_with("+OK"), "uid 0 must never own a maildrop session");

    std::fs::write(&path, "no database").unwrap();
    assert!(daemon.login("alice", "se cret").starts_with(TEMPORARY));
    fill(&path);
    assert!(daemon.login("alice", "se cret").starts_with("+OK"));

    // Either process is started again after a kill, and the other one goes on.
    let first = daemon.directory(server.id());
    rustix::process::kill_process(first, rustix::process::Signal::KILL).unwrap();
    daemon.login_when_back("alice", "se cret");
    assert_ne!(daemon.directory(server.id()), first);
    let log = daemon.logged_with("mpopd-directory ended with");
    assert!(log.contains("reason=temporary") && log.contains("reason=password"), "{log}");
    assert!(!log.contains("se cret"), "{log}");
}

#[test]
fn postgresql_goes_and_comes_back() {
    let Some(cluster) = Cluster::new() else { return };
    let url = cluster.url("sec%20ret", "sslmode=disable");
    let owner = if sys::identity::is_root() { OWNER } else { rustix::process::getuid().as_raw() };
    let settings = format!(
        "[sql]\nurl = \"{url}\"\n\
         query = \"SELECT '{{PLAIN}}' || 'pw' AS password, {owner} AS uid FROM users WHERE name = %n AND domain IS NULL\"\n"
    );
    let Some(daemon) = Daemon::new(&settings) else { return };
    let _server = daemon.start();
    for _ in 0..2 {
        assert!(
            daemon.login("alice", "pw").starts_with(TEMPORARY),
            "it must not be reported as a wrong password"
        );
        let up = cluster.start();
        assert!(daemon.login("alice", "pw").starts_with("+OK"));
        assert!(daemon.login("alice", "wrong").starts_with(REFUSED));
        drop(up);
    }
    let log = daemon.logged_with("PostgreSQL at 127.0.0.1 cannot be reached");
    assert!(!log.contains("sec ret"), "{log}");
}

#[test]
fn an_ldap_server_is_bound_to() {
    let Some(slapd) = Slapd::new() else { return };
    let settings = format!(
        "[ldap]\nurl = \"{}\"\nbase = \"dc=example,dc=org\"\nfilter = \"(uid=%u)\"\nbind = true\nstarttls = false\n\
         service_dn = \"cn=service,dc=example,dc=org\"\nservice_password = \"searcher\"\nuid_attribute = \"\"\n\
         gid_attribute = \"\"\nuid = {OWNER}\ngid = {OWNER}\n",
        slapd.url()
    );
    let Some(daemon) = Daemon::new(&settings) else { return };
    let _server = daemon.start();
    for _ in 0..2 {
        assert!(daemon.login("alice", "se cret").starts_with(TEMPORARY));
        let up = slapd.start();
        assert!(daemon.login("alice", "se cret").starts_with("+OK"));
        assert!(daemon.login("alice", "secret").starts_with(REFUSED));
        assert!(daemon.login("alice)(uid=*", "se cret").starts_with(REFUSED));
        drop(up);
    }
}

#[test]
fn tokens_open_mailboxes() {
    let server = TokenServer::start(free_port());
    let database = tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
    let path = database.path().join("users.db");
    fill(&path);
    let settings = format!(
        "sasl_mechanisms = [\"OAUTHBEARER\", \"XOAUTH2\"]\n\
         [sql]\nurl = \"sqlite:{}\"\nquery = \"SELECT password, uid, 'alice' AS \\\"user\\\" FROM users WHERE name = %n\"\n\
         [oauth]\nintrospection_url = \"http://127.0.0.1:{}/introspect\"\nclient_id = \"client id\"\n\
         client_secret = \"se cret/\"\nuser_claim = \"email\"\n",
        path.display(),
        server.port
    );
    let Some(daemon) = Daemon::new(&settings) else { return };
    let running = daemon.start();
    let mut client = Client::connect(daemon.port);
    assert!(client.listed("CAPA").contains(&"SASL OAUTHBEARER XOAUTH2".to_owned()));
    let bearer = |token: &str| STANDARD.encode(format!("n,,\x01auth=Bearer {token}\x01\x01"));
    let refused = client.say(&format!("AUTH OAUTHBEARER {}", bearer("unknown")));
    let told = String::from_utf8(STANDARD.decode(refused.strip_prefix("+ ").unwrap()).unwrap()).unwrap();
    assert!(told.contains("invalid_token"), "{told}");
    assert!(client.say("AQ==").starts_with(REFUSED));
    assert!(client.say(&format!("AUTH OAUTHBEARER {}", bearer("good"))).starts_with("+OK"));
    assert!(client.listed("RETR 1").contains(&"Subject: hello".to_owned()));
    assert!(client.say("QUIT").starts_with("+OK"));

    let mut client = Client::connect(daemon.port);
    assert!(client.say("AUTH XOAUTH2").starts_with('+'));
    let response = STANDARD.encode("user=alice@example.org\x01auth=Bearer good\x01\x01");
    assert!(client.say(&response).starts_with("+OK"));
    assert!(client.say("QUIT").starts_with("+OK"));

    drop(server);
    let mut client = Client::connect(daemon.port);
    let said = client.say(&format!("AUTH OAUTHBEARER {}", bearer("good")));
    assert!(said.starts_with(TEMPORARY), "a server that is down was reported as a wrong token: {said}");
    drop(running);
}

#[test]
fn only_mpopd_directory_has_a_servers_password_in_memory() {
    const SECRET: &str = "what only the directory knows";
    if !sys::identity::is_root() {
        return eprintln!("skipped: only root may look into the memory of the roles");
    }
    let settings = format!(
        "[ldap]\nurl = \"ldap://127.0.0.1:{}\"\nbase = \"dc=example,dc=org\"\nstarttls = false\n\
         service_dn = \"cn=service\"\nservice_password = \"{SECRET}\"\n",
        free_port()
    );
    let Some(daemon) = Daemon::new(&settings) else { return };
    let server = daemon.start();
    let look = |when: &str| {
        let mut roles = roles(server.id());
        roles.push((server.id(), "mpopd".to_owned()));
        for (pid, name) in roles {
            let holds = memory::holds(pid, SECRET.as_bytes());
            assert_eq!(holds, name == "mpopd-directory", "{name}, {when}");
        }
    };
    assert!(daemon.login("alice", "pw").starts_with(TEMPORARY), "no such server");
    look("at first");
    // The log role stays. All other processes use the same generation of the settings.
    let mut old = roles(server.id());
    old.retain(|(_, name)| name != "mpopd-log");

    let supervisor = rustix::process::Pid::from_raw(server.id().cast_signed()).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::USR1).unwrap();
    daemon.logged_with("the configuration was re-read");
    let until = Instant::now() + Duration::from_secs(120);
    while roles(server.id()).iter().any(|role| old.contains(role)) {
        assert!(Instant::now() < until, "{}", daemon.logged());
        std::thread::sleep(Duration::from_millis(50));
    }
    look("when the configuration was read again");
}

#[test]
fn settings_that_cannot_be_used_are_told_before_anything_is_served() {
    let settings = "[sql]\nurl = \"postgresql://127.0.0.1/x\"\nquery = \"SELECT 1 AS uid WHERE %u <> ''\"\n\
                    ca = \"/nowhere/ca.pem\"\n";
    let Some(daemon) = Daemon::new(settings) else { return };
    for option in ["-t", "-F"] {
        let ended = daemon.command().arg(option).output().unwrap();
        let told = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && told.contains("/nowhere/ca.pem"), "{option}: {told}");
    }
}
