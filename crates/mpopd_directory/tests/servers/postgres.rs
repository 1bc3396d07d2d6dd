//! PostgreSQL from Debian's package `postgresql`.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ipc::directory::{LookupOutcome, MailPath};

use super::certificate;
use super::directory::{Directory, bounds, sql, uid, why};
use super::program::{Server, find, free_port, run, write};

const QUERY: &str =
    "SELECT password, uid, gid, home, maildir FROM users WHERE name = %n AND domain IS NOT DISTINCT FROM %d";

const DATA: &str = "\
CREATE TABLE users (name varchar(80), domain text, password text, uid int8, gid int2, home text, maildir text);
INSERT INTO users VALUES ('alice', NULL, '$y$j9T$salt$hash', 5000, 8, '/srv/alice', '');
INSERT INTO users VALUES ('alice', 'example.org', 'pw', 5001, NULL, NULL, '/srv/example.org/alice');
INSERT INTO users VALUES ('o''brien', NULL, 'pw', 5002, NULL, NULL, NULL);
INSERT INTO users VALUES ('twin', NULL, 'pw', 5003, NULL, NULL, NULL), ('twin', NULL, 'pw', 5004, NULL, NULL, NULL);
INSERT INTO users VALUES ('nobodys', NULL, 'pw', NULL, NULL, NULL, NULL);
CREATE ROLE mpopd LOGIN PASSWORD 'sec ret';
GRANT ALL ON users TO mpopd;
";

/// A cluster in its own folder.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    /// The user that runs the server, since PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
    port: u16,
    tls: bool,
}

impl Cluster {
    pub(crate) fn new() -> Option<Self> {
        let mut places: Vec<String> =
            (13..=20).rev().map(|version| format!("/usr/lib/postgresql/{version}/bin")).collect();
        places.push("/usr/local/bin".to_owned());
        let places: Vec<&str> = places
            .iter()
            .map(String::as_str)
            .filter(|place| Path::new(place).join("initdb").exists())
            .collect();
        let programs = find("PostgreSQL (package postgresql)", &places)?;
        let user = match sys::identity::is_root() {
            false => None,
            true => match sys::identity::user_by_name("postgres").unwrap() {
                Some(user) => Some((user.uid, user.gid)),
                None => return find("the user postgres (package postgresql)", &[]).and(None),
            },
        };
        let folder =
            tempfile::Builder::new().permissions(PermissionsExt::from_mode(0o755)).tempdir().unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut cluster = Self { folder, programs, user, port: free_port(), tls: false };
        let password = cluster.folder.path().join("password");
        write(&password, "of admin\n");
        let mut command = cluster.command("initdb");
        command.args(["-U", "admin", "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync"]);
        run(command.arg("--pwfile").arg(password).arg("-D").arg(cluster.data()));
        cluster.fill();
        cluster.make_certificate();
        Some(cluster)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Fills the database in single-user mode, which takes one statement per line.
    fn fill(&self) {
        let mut command = self.command("postgres");
        command.args(["--single", "-D"]).arg(self.data()).arg("postgres").stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(DATA.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn make_certificate(&mut self) {
        let Some(made) = certificate::make(self.folder.path()) else { return };
        for path in [&made.certificate, &made.key] {
            if let Some((uid, gid)) = self.user {
                std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
            }
        }
        std::fs::set_permissions(&made.key, PermissionsExt::from_mode(0o600)).unwrap();
        let settings = format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            made.certificate.display(),
            made.key.display()
        );
        let file = self.data().join("postgresql.auto.conf");
        write(&file, &settings);
        self.tls = true;
    }

    pub(crate) fn start(&self) -> Server {
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(self.folder.path())
            .arg("-p")
            .arg(self.port.to_string());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // A killed predecessor leaves the file behind. When a server is ready, the file says so.
        let state = self.data().join("postmaster.pid");
        let _ = std::fs::remove_file(&state);
        Server::start(&mut command, || {
            std::fs::read_to_string(&state).is_ok_and(|text| text.contains("ready"))
        })
    }

    pub(crate) fn url(&self, password: &str, options: &str) -> String {
        format!("postgresql://mpopd:{password}@127.0.0.1:{}/postgres?{options}", self.port)
    }
}

#[test]
fn users_are_found_whatever_their_names() {
    let Some(cluster) = Cluster::new() else { return };
    let _server = cluster.start();
    let mut directory =
        Directory::start(sql(&cluster.url("sec%20ret", "sslmode=disable"), QUERY, bounds(30)));

    let LookupOutcome::Found(alice) = directory.lookup("alice") else { panic!("no alice") };
    assert_eq!((alice.uid, alice.gid), (5000, Some(8)));
    assert_eq!(alice.password.unwrap().expose(), b"$y$j9T$salt$hash");
    assert_eq!(alice.home, Some(Path::new("/srv/alice").into()));
    assert_eq!(alice.mail, None, "an empty column must count as none");
    let LookupOutcome::Found(other) = directory.lookup("alice@example.org") else { panic!("no other alice") };
    assert_eq!(other.mail, Some(MailPath::Maildir(Path::new("/srv/example.org/alice").into())));
    assert_eq!(uid(directory.lookup("o'brien")), 5002);

    for stranger in [
        "bob",
        "Alice",
        "' OR '1'='1",
        "alice'--",
        "'; DROP TABLE users; --",
        "\\'; DROP TABLE users; --",
        "alice' UNION SELECT 'x',0,0,'/','/' --",
        "$1",
        "%n",
        "alice@example.org' OR 'a'='a",
        "é\u{202e}",
    ] {
        assert_eq!(directory.lookup(stranger), LookupOutcome::NotFound, "{stranger}");
    }
    assert_eq!(uid(directory.lookup("alice")), 5000, "the table changed");
    assert!(why(directory.lookup("twin")).contains("more than one row"));
    assert!(why(directory.lookup("nobodys")).contains("no uid"));
}

#[test]
fn a_server_that_is_down_is_temporary_and_comes_back() {
    let Some(cluster) = Cluster::new() else { return };
    let mut directory =
        Directory::start(sql(&cluster.url("sec%20ret", "sslmode=disable"), QUERY, bounds(30)));
    assert!(why(directory.lookup("alice")).contains("cannot be reached"), "no server has been started yet");
    let server = cluster.start();
    assert_eq!(uid(directory.lookup("alice")), 5000);
    drop(server);
    let told = why(directory.lookup("alice"));
    assert!(told.starts_with("PostgreSQL at 127.0.0.1 cannot be reached: "), "{told}");
    let _server = cluster.start();
    assert_eq!(uid(directory.lookup("alice")), 5000);
}

#[test]
fn a_slow_query_ends_and_the_next_one_is_answered() {
    let Some(cluster) = Cluster::new() else { return };
    let _server = cluster.start();
    let query =
        "SELECT uid, CASE WHEN name = 'twin' THEN pg_sleep(600)::text END AS home FROM users WHERE name = %u";
    let began = Instant::now();
    let (patient, mut bounds) = (bounds(30), bounds(5));
    bounds.connections = 1;
    let mut directory = Directory::start(sql(&cluster.url("sec%20ret", "sslmode=disable"), query, bounds));
    assert_eq!(uid(directory.lookup("o'brien")), 5002);
    assert_eq!(why(directory.lookup("twin")), "PostgreSQL at 127.0.0.1 has not answered after 5 s");
    assert_eq!(uid(directory.lookup("o'brien")), 5002);

    let count = "SELECT count(*) AS uid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%sleep(600)%%' \
                 AND pid <> pg_backend_pid() AND %u <> ''";
    let mut observer = Directory::start(sql(&cluster.url("sec%20ret", "sslmode=disable"), count, patient));
    while uid(observer.lookup("x")) > 0 {
        assert!(began.elapsed() < Duration::from_secs(300), "the slow query still runs in the server");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_the_server_rejects_is_told_without_the_password() {
    let Some(cluster) = Cluster::new() else { return };
    let _server = cluster.start();
    let url = cluster.url("sec%20ret", "sslmode=disable");
    for (url, query, told) in [
        (cluster.url("hunter2", "sslmode=disable"), QUERY, "password authentication failed"),
        (url.clone(), "SELECT uid FROM nowhere WHERE a = %u", "\"nowhere\" does not exist"),
        (url.clone(), "SELECT uid, name FROM users WHERE name = %u", "a column \"name\""),
        (
            url.clone(),
            "SELECT uid::float AS uid FROM users WHERE name = %u",
            "the column uid has the type float8",
        ),
        (url.clone(), "SELECT uid FROM users WHERE uid = %u", "PostgreSQL at 127.0.0.1"),
    ] {
        let why = why(Directory::start(sql(&url, query, bounds(30))).lookup("o'brien"));
        assert!(why.contains(told) && !why.contains("hunter2"), "{why}");
    }
}

#[test]
fn tls_is_required_and_its_certificate_checked() {
    let Some(cluster) = Cluster::new() else { return };
    if !cluster.tls {
        return;
    }
    let _server = cluster.start();
    let mut known = bounds(30);
    known.ca = Some(cluster.folder.path().join("certificate.pem").as_path().into());
    let mut directory = Directory::start(sql(&cluster.url("sec%20ret", "sslmode=require"), QUERY, known));
    assert_eq!(uid(directory.lookup("alice")), 5000);
    let url = cluster.url("sec%20ret", "sslmode=require");
    let told = why(Directory::start(sql(&url, QUERY, bounds(30))).lookup("alice"));
    assert!(told.contains("certificate"), "{told}");
}
