//! MariaDB from Debian's package `mariadb-server-core`, which speaks MySQL's protocol.

use std::io::Write;
use std::process::{Command, Stdio};

use ipc::directory::LookupOutcome;

use super::directory::{Directory, bounds, sql, uid, why};
use super::program::{Server, find, free_port, listens, write};

const DATA: &str = "\
CREATE DATABASE mail;
CREATE TABLE mail.users (name varchar(80), password varchar(200), uid int unsigned, gid bigint, home varbinary(99));
INSERT INTO mail.users VALUES ('alice', '$y$j9T$salt$hash', 4000000000, 8, '/srv/alice'), ('o''brien', 'pw', 5002, NULL, NULL);
CREATE USER mpopd@127.0.0.1 IDENTIFIED BY 'sec ret';
GRANT ALL ON mail.* TO mpopd@127.0.0.1;
";
const QUERY: &str = "SELECT name AS user, password, uid, gid, home FROM users WHERE name = %u";

struct Database {
    folder: tempfile::TempDir,
    program: std::path::PathBuf,
    port: u16,
}

impl Database {
    fn new() -> Option<Self> {
        let program = find("MariaDB (package mariadb-server-core)", &["/usr/sbin/mariadbd"])?;
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        write(&folder.path().join("init.sql"), DATA);
        let database = Self { folder, program, port: free_port() };
        database.bootstrap();
        Some(database)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--no-defaults", "--innodb-flush-method=nosync"]);
        command.arg(format!("--datadir={}", self.folder.path().join("data").display()));
        if sys::identity::is_root() {
            command.arg("--user=root");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Creates the server's system tables as mariadb-install-db does, which would need more packages.
    fn bootstrap(&self) {
        let files = ["mysql_system_tables", "mysql_performance_tables", "mysql_system_tables_data"];
        let files =
            files.map(|name| std::fs::read_to_string(format!("/usr/share/mysql/{name}.sql")).unwrap());
        let mut child = self.command().arg("--bootstrap").stdin(Stdio::piped()).spawn().unwrap();
        let statements = format!("CREATE DATABASE mysql;\nUSE mysql;\n{}", files.concat());
        child.stdin.take().unwrap().write_all(statements.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    fn start(&self, first: bool) -> Server {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = self.command();
        command.args(["--bind-address=127.0.0.1", "--skip-name-resolve"]);
        command.arg(format!("--port={}", self.port));
        command.arg(format!("--socket={}", path("socket"))).arg(format!("--pid-file={}", path("pid")));
        if first {
            command.arg(format!("--init-file={}", path("init.sql")));
        }
        Server::start(&mut command, || listens(self.port))
    }

    fn url(&self, password: &str) -> String {
        format!("mysql://mpopd:{password}@127.0.0.1:{}/mail", self.port)
    }
}

#[test]
fn users_are_found_and_a_server_that_was_down_comes_back() {
    let Some(database) = Database::new() else { return };
    let mut directory = Directory::start(sql(&database.url("sec%20ret"), QUERY, bounds(30)));
    assert!(why(directory.lookup("alice")).starts_with("MySQL at 127.0.0.1 cannot be reached: "));
    let server = database.start(true);

    let LookupOutcome::Found(alice) = directory.lookup("alice") else { panic!("no alice") };
    assert_eq!((alice.uid, alice.gid), (4_000_000_000, Some(8)));
    assert_eq!(alice.password.unwrap().expose(), b"$y$j9T$salt$hash");
    let LookupOutcome::Found(shouted) = directory.lookup("ALICE") else { panic!("no ALICE") };
    assert_eq!(
        shouted.user.as_deref(),
        Some("alice"),
        "MySQL ignores case, so the name must come from the column"
    );
    assert_eq!(uid(directory.lookup("o'brien")), 5002);
    for stranger in ["bob", "' OR '1'='1", "\\' OR 1=1 -- ", "alice' -- ", "alice\\", "?", ":name", "0"] {
        assert_eq!(directory.lookup(stranger), LookupOutcome::NotFound, "{stranger}");
    }

    drop(server);
    assert!(why(directory.lookup("alice")).starts_with("MySQL at 127.0.0.1 cannot be reached: "));
    let _server = database.start(false);
    assert_eq!(uid(directory.lookup("o'brien")), 5002);

    let told = why(Directory::start(sql(&database.url("hunter2"), QUERY, bounds(30))).lookup("alice"));
    assert!(told.contains("Access denied") && !told.contains("hunter2"), "{told}");
    let slow = "SELECT uid, SLEEP(600) AS gid FROM users WHERE name = %u";
    let mut directory = Directory::start(sql(&database.url("sec%20ret"), slow, bounds(5)));
    assert_eq!(why(directory.lookup("alice")), "MySQL at 127.0.0.1 has not answered after 5 s");
}
