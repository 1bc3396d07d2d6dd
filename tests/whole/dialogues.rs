//! The scripts of `tests/dialogues`, against mpopd in every mode of storage, and against Dovecot: what it agrees to is no
//! peculiarity of ours.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dialogues::{Account, Script, play};

use crate::harness::{Daemon, Format, Message, OWNER, Port, Scratch, eventually, need};

/// Where Dovecot 2.3 and a script differ, and who is right.
const NOT_DOVECOT: &[(&str, &str)] = &[
    (
        "authorization-commands-wait",
        "Dovecot hangs up at the fourth bad command before the login; RFC 1939 leaves that to the server, and we allow a hundred",
    ),
    (
        "long-line",
        "Dovecot takes lines up to the size of its buffer; RFC 2449 section 4 bounds a command at 255 octets",
    ),
];

fn scripts() -> Vec<(String, Script)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("tests/dialogues") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("a script");
            found.push((name.clone(), Script::parse(&text).unwrap_or_else(|bad| panic!("{name}: {bad}"))));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() > 15, "all scripts were found");
    found
}

fn mailbox() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/dialogues/mailbox"))
        .expect("the mailbox")
}

/// The messages of [`mailbox`].
fn messages() -> Vec<Message> {
    let text = String::from_utf8(mailbox()).expect("text");
    let bodies = text.split("From ").filter(|part| part.contains("Subject: "));
    bodies
        .map(|part| {
            let message = part.split_once('\n').expect("a From_ line").1;
            Message(message.strip_suffix('\n').expect("a blank line").as_bytes().to_vec())
        })
        .collect()
}

#[test]
fn mpopd_keeps_to_every_script_in_every_mode() {
    for (mode, format) in
        [("mbox", Format::Mbox), ("disk", Format::Mbox), ("ram", Format::Mbox), ("maildir", Format::Maildir)]
    {
        let messages = messages();
        assert_eq!(messages.len(), 3);
        let scripts = scripts();
        let mut daemon = Daemon::new(format).setting(&format!("storage = \"{mode}\""));
        for (name, _) in &scripts {
            daemon = daemon.user(name, &messages);
        }
        let daemon = daemon.start();
        for (name, script) in &scripts {
            let user = daemon.account(name);
            let account = Account {
                address: format!("127.0.0.1:{}", user.port),
                user: user.user,
                password: user.password,
            };
            play(script, &account).unwrap_or_else(|failure| panic!("{mode}: {name}: {failure}"));
        }
    }
}

#[test]
fn dovecot_keeps_to_the_scripts_too() {
    let Some(()) = need::root() else { return };
    let Some(program) = need::program("dovecot") else { return };
    let dovecot = Dovecot::start(&program);
    let mut differing = Vec::new();
    for (name, script) in scripts() {
        dovecot.deliver();
        let account = Account {
            address: format!("127.0.0.1:{}", dovecot.port),
            user: "alice".to_owned(),
            password: "secret word".to_owned(),
        };
        if let Err(failure) = play(&script, &account) {
            println!("{name}: {failure}");
            differing.push(name);
        }
    }
    let known: Vec<&str> = NOT_DOVECOT.iter().map(|(name, _)| *name).collect();
    assert_eq!(differing, known);
}

/// Debian's Dovecot with one user, in a folder of its own.
struct Dovecot {
    scratch: Scratch,
    port: u16,
    process: Child,
}

impl Dovecot {
    fn start(program: &Path) -> Dovecot {
        let scratch = Scratch::new();
        let port = Port::reserve().number;
        let top = scratch.path().display();
        fs::write(
            scratch.path().join("users"),
            format!("alice:{{PLAIN}}secret word:{OWNER}:{OWNER}::{top}/home::\n"),
        )
        .expect("its users");
        fs::write(
            scratch.path().join("dovecot.conf"),
            format!(
                "protocols = pop3\nbase_dir = {top}/run\nstate_dir = {top}/state\nlog_path = {top}/log\nlisten = 127.0.0.1\nssl = no\n\
                 disable_plaintext_auth = no\nfirst_valid_uid = 1\nauth_failure_delay = 0\nmail_location = maildir:{top}/home/Maildir\n\
                 pop3_uidl_format = %g\ndefault_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\n\
                 passdb {{\n driver = passwd-file\n args = {top}/users\n}}\nuserdb {{\n driver = passwd-file\n args = {top}/users\n}}\n\
                 service pop3-login {{\n chroot =\n inet_listener pop3 {{\n port = {port}\n }}\n inet_listener pop3s {{\n port = 0\n }}\n}}\n\
                 service anvil {{\n chroot =\n}}\nservice stats {{\n chroot =\n}}\n"
            ),
        )
        .expect("its configuration");
        let process = Command::new(program)
            .arg("-F")
            .arg("-c")
            .arg(scratch.path().join("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting Dovecot");
        let mut dovecot = Dovecot { scratch, port, process };
        eventually("Dovecot", || {
            let ended = dovecot.process.try_wait().expect("waiting for Dovecot");
            assert!(ended.is_none(), "Dovecot ended: {ended:?}");
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        dovecot
    }

    /// Puts the mailbox back as the scripts expect it.
    fn deliver(&self) {
        let home = self.scratch.path().join("home");
        let _ = fs::remove_dir_all(&home);
        for folder in ["Maildir/new", "Maildir/cur", "Maildir/tmp"] {
            fs::create_dir_all(home.join(folder)).expect("a Maildir");
        }
        for (number, message) in (1..).zip(messages()) {
            let name = home.join(format!("Maildir/new/170000000{number}.M{number}P1.host"));
            fs::write(name, message.lf()).expect("a message");
        }
        give_all(&home);
    }
}

fn give_all(path: &PathBuf) {
    chown(path, Some(OWNER), Some(OWNER)).expect("chown");
    fs::set_permissions(path, fs::Permissions::from_mode(if path.is_dir() { 0o700 } else { 0o600 }))
        .expect("chmod");
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            give_all(&entry.expect("an entry").path());
        }
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // Its master ends those that it started.
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.process),
            rustix::process::Signal::TERM,
        );
        let _ = self.process.wait();
    }
}
