//! What each role can still do, tried from inside its sandbox as an attacker who has taken it over would. The
//! outcome is the table in SECURITY.md.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal};
use sys::attempts;
use sys::process::Ending;
use sys::seal::Support;

use crate::process::child::{self, Identity, ProcessRole};
use crate::process::sandbox::{Sandbox, log, maildrop};

/// Debian's nobody, and a uid that nobody has.
const STRANGER: u32 = 65_534;
const OWNER: u32 = 54_321;

/// Exit statuses of an attempt. A program that was run instead ends with 0.
const DONE: i32 = 40;
const REFUSED: i32 = 41;

/// Set for the process that makes the attempts. A role is forked by a process with one thread, which a test
/// is not; one that runs nothing else can be made one.
const INSIDE: &str = "MPOPD_TEST_INSIDE";

type Attempt = (&'static str, fn(&Scene, Pid) -> io::Result<()>);

const ATTEMPTS: &[Attempt] = &[
    ("open mail in the folders of mail", |scene, _| {
        OpenOptions::new().read(true).write(true).open(&scene.mailbox).map(drop)
    }),
    ("open another file of the mail's owner", |scene, _| File::open(&scene.private).map(drop)),
    ("open a file that everyone may read", |_, _| File::open("/etc/passwd").map(drop)),
    ("make a file where everyone may", |scene, victim| {
        File::create(scene.shared.join(victim.to_string())).map(drop)
    }),
    ("ask whether a file exists", |scene, _| scene.private.symlink_metadata().map(drop)),
    ("connect to a port", |scene, _| TcpStream::connect(scene.port).map(drop)),
    ("listen on a port", |_, _| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
    ("send a datagram", |_, _| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map(drop)),
    ("connect to a daemon's local socket", |scene, _| UnixStream::connect(&scene.socket).map(drop)),
    ("start a thread", |_, _| std::thread::Builder::new().spawn(|| ()).map(|thread| drop(thread.join()))),
    ("start a process", |_, _| attempts::start_a_process()),
    ("run a program", |_, _| attempts::run_a_program()),
    ("run code that it has written", |_, _| attempts::have_executable_memory()),
    ("become another user", |_, _| attempts::become_somebody()),
    ("change its root folder", |_, _| Ok(rustix::process::chroot("/")?)),
    ("signal a process of its user", |_, victim| Ok(rustix::process::kill_process(victim, Signal::CONT)?)),
    ("trace a process of its user", |_, victim| attempts::trace(victim)),
    ("read the memory of a process of its user", |_, victim| attempts::read_memory(victim)),
    ("mount a file system", |_, _| attempts::mount()),
    ("load a kernel module", |_, _| attempts::load_a_module()),
    ("give the kernel a program (bpf)", |_, _| attempts::program_the_kernel()),
];

/// Where it happens.
struct Scene {
    _folder: tempfile::TempDir,
    empty: PathBuf,
    /// The folder of mail.
    mail: PathBuf,
    mailbox: PathBuf,
    /// A file of the same owner elsewhere.
    private: PathBuf,
    /// A folder like /tmp.
    shared: PathBuf,
    port: SocketAddr,
    socket: PathBuf,
    _listeners: (TcpListener, UnixListener),
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let [empty, mail, shared] = ["empty", "mail", "shared"].map(path);
        for (folder, mode) in [(&empty, 0o755), (&mail, 0o755), (&shared, 0o1777)] {
            std::fs::create_dir(folder).unwrap();
            std::fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        }
        let (mailbox, private) = (mail.join("alice"), path("private"));
        for file in [&mailbox, &private] {
            std::fs::write(file, "").unwrap();
            std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
            if sys::identity::is_root() {
                chown(file, Some(OWNER), Some(OWNER)).unwrap();
            }
        }
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let socket = path("socket");
        let unix = UnixListener::bind(&socket).unwrap();
        std::fs::set_permissions(&socket, Permissions::from_mode(0o666)).unwrap();
        let port = tcp.local_addr().unwrap();
        Self { _folder: folder, empty, mail, mailbox, private, shared, port, socket, _listeners: (tcp, unix) }
    }

    /// The roles, as the supervisor starts them, and as whom.
    fn roles(&self) -> Vec<(&'static str, Identity, Option<Sandbox<'static>>)> {
        let user = |uid, chroot| Identity::User { uid, gid: uid, file_group: None, chroot };
        let identity = |changed| if sys::identity::is_root() { changed } else { Identity::Unchanged };
        vec![
            ("session", identity(user(STRANGER, Some(self.empty.clone()))), Some(Sandbox::Session)),
            ("maildrop", identity(user(OWNER, None)), Some(maildrop([self.mail.clone()], []))),
            ("log", Identity::Unchanged, Some(log(Some(&self.empty.join("log"))))),
            ("auth", Identity::Unchanged, Some(Sandbox::Modules)),
            ("mpopd-directory", identity(user(STRANGER, None)), Some(Sandbox::Modules)),
        ]
    }
}

/// A process that waits, of whom a role's user is.
struct Victim(Child);

impl Victim {
    fn of(identity: &Identity) -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000");
        if let Identity::User { uid, gid, .. } = identity {
            command.uid(*uid).gid(*gid);
        }
        Self(command.spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_role_can_do_what_security_md_says() {
    let support = Support::of_this_kernel();
    // What later versions of landlock add is denied by seccomp as well.
    if !support.calls || support.landlock == 0 {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this kernel can deny {support}");
        return eprintln!("skipped: this kernel can deny {support}");
    }
    if std::env::var_os(INSIDE).is_none() {
        let this = std::env::current_exe().unwrap();
        let test = format!("{}::each_role_can_do_what_security_md_says", module_path!());
        let test = test.split_once("::").map_or(&*test, |(_, inner)| inner);
        let arguments = ["--exact", test, "--nocapture", "--test-threads=1"];
        let made = Command::new(this).args(arguments).env(INSIDE, "1").output().unwrap();
        let said = [made.stdout, made.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(made.status.success() && said.contains("1 passed"), "{said}");
        return;
    }

    assert_eq!(attempts::in_one_thread(compare).unwrap(), Ending::Exited(0));
}

/// Tries everything as everyone, and compares that with the table in SECURITY.md.
fn compare() -> i32 {
    let scene = Scene::new();
    let roles = scene.roles();
    // Without root, auth and mpopd-directory are their user's processes as any other.
    let shown = if sys::identity::is_root() { roles.len() } else { 3 };
    let names: Vec<_> = roles.iter().map(|(name, ..)| *name).collect();
    let mut table = format!("| | {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len() + 1));
    for (what, attempt) in ATTEMPTS {
        write!(table, "| {what} |").unwrap();
        for (name, identity, sandbox) in roles.iter().take(shown) {
            write!(table, " {} |", outcome(name, identity, sandbox, &scene, *attempt)).unwrap();
        }
        table.push('\n');
    }
    let document =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../SECURITY.md")).unwrap();
    for row in table.lines() {
        let found = document.lines().any(|line| line.starts_with(row));
        assert!(found, "SECURITY.md has no line {row}\nThe table is\n{table}");
    }
    let rows = document
        .lines()
        .filter(|line| ["yes", "no", "ends it"].iter().any(|end| line.ends_with(&format!("| {end} |"))));
    assert_eq!(rows.count(), ATTEMPTS.len(), "SECURITY.md has rows that nobody tries:\n{table}");
    0
}

/// Makes one attempt in a process of its own.
fn outcome(
    name: &str,
    identity: &Identity,
    sandbox: &Option<Sandbox<'static>>,
    scene: &Scene,
    attempt: fn(&Scene, Pid) -> io::Result<()>,
) -> &'static str {
    let victim = Victim::of(identity);
    let pid = Pid::from_child(&victim.0);
    let becomes = ProcessRole { name: c"mpopd-test", identity, sandbox: sandbox.clone() };
    let role = |_, ()| match attempt(scene, pid) {
        Ok(()) => DONE,
        Err(error) => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::PERM | rustix::io::Errno::ACCESS | rustix::io::Errno::NOSYS) => REFUSED,
            // It was let through, and failed of something else.
            _ => DONE,
        },
    };
    let pid =
        child::start(&becomes, &[], Vec::new(), || Ok::<_, std::convert::Infallible>(()), role).unwrap();
    match sys::process::await_end(pid).unwrap() {
        Ending::Exited(DONE | 0) => "yes",
        Ending::Exited(REFUSED) => "no",
        ending if ending.is_of_a_seal() => "ends it",
        ending => panic!("{name} ended with {ending}"),
    }
}
