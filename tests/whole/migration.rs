//! Mailboxes that a real Dovecot or a real Courier has served: with mpopd, clients recognize every message.
//!
//! The other servers run without a network, with commands on stdin and replies on stdout, as their own
//! listeners run them. Debian does not allow dovecot-pop3d and courier-pop to be installed at the same time.
//! The tests look for Courier in the folder `MPOPD_TEST_PEERS`, where its packages were unpacked with `dpkg
//! -x`, and then where it is normally installed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::harness::mailbox::{add_to_maildir, append_mbox};
use crate::harness::{Daemon, Format, OWNER, Pop3Client, is_root, messages, need};

const COUNT: usize = 25;

#[test]
fn what_dovecot_called_the_messages_of_a_maildir() {
    let Some(dovecot) = Dovecot::installed() else { return };
    for format in ["%08Xu%08Xv", "%v.%u", "%g", "%f", "%Mf", "UID%u-%v"] {
        moved(Format::Maildir, format, |mailbox, home| {
            dovecot.serve(&format!("maildir:{}", mailbox.display()), home, &[("pop3_uidl_format", format)])
        });
    }
}

#[test]
fn what_dovecot_saved_comes_before_what_it_would_say_now() {
    let Some(dovecot) = Dovecot::installed() else { return };
    moved(Format::Maildir, "dovecot", |mailbox, home| {
        let location = format!("maildir:{}", mailbox.display());
        let options = [("pop3_uidl_format", "%v-%u"), ("pop3_save_uidl", "yes")];
        let first = dovecot.serve(&location, home, &options);
        let again = dovecot.serve(&location, home, &[("pop3_uidl_format", "%08Xu%08Xv")]);
        assert_eq!(first, again, "Dovecot must have saved them");
        again
    });
}

#[test]
fn what_dovecot_called_the_messages_of_an_mbox() {
    let Some(dovecot) = Dovecot::installed() else { return };
    for format in ["%08Xu%08Xv", "%m"] {
        moved(Format::Mbox, format, |mailbox, home| {
            let location = format!("mbox:{}:INBOX={}", home.display(), mailbox.display());
            dovecot.serve(&location, home, &[("pop3_uidl_format", format)])
        });
    }
}

#[test]
fn what_courier_called_the_messages_of_a_maildir() {
    let Some(courier) = courier() else { return };
    moved(Format::Maildir, "courier", |mailbox, _| {
        let peers = std::env::var_os("MPOPD_TEST_PEERS").map(PathBuf::from).unwrap_or_default();
        let mut command = Command::new(&courier);
        command.arg(mailbox).env_clear().env("AUTHENTICATED", "alice").env("TCPREMOTEIP", "127.0.0.1");
        let library = peers.join("usr/lib");
        command.env(
            "LD_LIBRARY_PATH",
            format!("{}:{}", library.display(), library.join("courier-authlib").display()),
        );
        session(&mut command, 1)
    });
}

/// Serves a mailbox with `served`, which returns a UIDL for each message, and then with mpopd and this
/// setting.
fn moved(format: Format, uidl: &str, served: impl Fn(&Path, &Path) -> BTreeMap<String, String>) {
    let archive = messages::archive(COUNT + 1);
    let (late, early) = archive.split_last().expect("messages");
    let daemon = Daemon::new(format).setting(&format!("uidl = \"{uidl}\"")).user("alice", early);
    let mailbox = daemon.mailbox("alice");
    let home = daemon.chroot().with_file_name("home");
    fs::create_dir(&home).expect("a home");
    if is_root() {
        std::os::unix::fs::chown(&home, Some(OWNER), Some(OWNER)).expect("chown");
    }
    let before = served(&mailbox, &home);
    assert_eq!(before.len(), COUNT, "{uidl}: the other server must list all messages");

    let mut daemon = daemon.start();
    let mut pop = daemon.account("alice").login();
    let after = named(&mut pop);
    assert_eq!(before, after, "{uidl}: the unique ids differ from the other server's");
    pop.ok("DELE 1");
    pop.ok("DELE 7");
    let kept: Vec<_> = uidl_but(&mut pop, &[1, 7]);
    pop.quit();

    match format {
        Format::Mbox => append_mbox(&mailbox, late),
        Format::Maildir => add_to_maildir(&mailbox, COUNT + 1, late),
    }
    if is_root() && format == Format::Maildir {
        for entry in fs::read_dir(mailbox.join("new")).expect("new") {
            std::os::unix::fs::chown(entry.expect("an entry").path(), Some(OWNER), Some(OWNER))
                .expect("chown");
        }
    }
    assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
    daemon.start_again();
    let mut pop = daemon.account("alice").login();
    let now = pop.uidl();
    assert_eq!(now[..kept.len()], kept, "{uidl}: deletions, new mail or a restart changed unique ids");
    assert!(now.len() == kept.len() + 1 && !kept.contains(&now[kept.len()]));
    pop.quit();
}

/// The UIDL of each message by its Message-ID. The text cannot identify it, because other servers add header
/// fields and count line ends differently.
fn named(pop: &mut Pop3Client) -> BTreeMap<String, String> {
    let uidls = pop.uidl();
    pop.retrieve_all().iter().map(|text| message_id(text)).zip(uidls).collect()
}

/// The unique ids of all messages except these.
fn uidl_but(pop: &mut Pop3Client, numbers: &[usize]) -> Vec<String> {
    let lines = pop.lines("UIDL");
    let pairs = lines.iter().map(|line| line.split_once(' ').expect("a number and an id"));
    pairs
        .filter(|(number, _)| !numbers.contains(&number.parse().expect("a number")))
        .map(|(_, uidl)| uidl.to_owned())
        .collect()
}

/// Dovecot's POP3 process.
struct Dovecot(PathBuf);

impl Dovecot {
    fn installed() -> Option<Self> {
        let program = PathBuf::from("/usr/lib/dovecot/pop3");
        if program.is_file() { Some(Self(program)) } else { need::skip("dovecot-pop3d is not installed") }
    }

    fn serve(&self, location: &str, home: &Path, settings: &[(&str, &str)]) -> BTreeMap<String, String> {
        let configuration = home.with_file_name("dovecot.conf");
        let top = home.parent().expect("a folder").display();
        let text = format!(
            "protocols = pop3\nbase_dir = {top}/run\nlog_path = /dev/null\nssl = no\nfirst_valid_uid = 1\n\
             mail_location = {location}\nmail_home = {}\n",
            home.display()
        );
        fs::write(&configuration, text).expect("a configuration");
        let mut command = Command::new(&self.0);
        command.arg("-c").arg(&configuration).env_clear().env("USER", "alice").env("HOME", home);
        for (name, value) in settings {
            command.arg("-o").arg(format!("{name}={value}"));
        }
        session(&mut command, 0)
    }
}

fn courier() -> Option<PathBuf> {
    need::peer("courier-pop", "usr/lib/courier/courier/courierpop3d")
}

/// Runs a server whose client is already logged in and whose greeting has `greetings` lines. Returns the UIDL
/// of each message by its Message-ID.
fn session(command: &mut Command, greetings: usize) -> BTreeMap<String, String> {
    if is_root() {
        command.uid(OWNER).gid(OWNER);
    }
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("starting the other server");
    let mut commands = "UIDL\r\n".to_owned();
    (1..=COUNT).for_each(|number| commands += &format!("RETR {number}\r\n"));
    let mut stdin = child.stdin.take().expect("its stdin");
    // The server may write more than a pipe holds before it has read all commands.
    let writer = std::thread::spawn(move || stdin.write_all((commands + "QUIT\r\n").as_bytes()));
    let output = child.wait_with_output().expect("the other server's replies");
    writer.join().expect("the writer").expect("commands");

    let mut lines = output.stdout.split_inclusive(|&octet| octet == b'\n');
    let said = || format!("{}{}", output.stdout.escape_ascii(), output.stderr.escape_ascii());
    for _ in 0..greetings {
        assert!(lines.next().is_some_and(|line| line.starts_with(b"+OK")), "{}", said());
    }
    let mut multiline = || {
        let first = lines.next().unwrap_or_default();
        assert!(first.starts_with(b"+OK"), "{}", said());
        let mut text = Vec::new();
        for line in lines.by_ref().take_while(|line| *line != b".\r\n") {
            text.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        }
        text
    };
    let list = multiline();
    let list = String::from_utf8(list).expect("ASCII");
    let uidls: Vec<_> = list.lines().filter_map(|line| line.split_once(' ')).map(|(_, uidl)| uidl).collect();
    uidls.into_iter().map(|uidl| (message_id(&multiline()), uidl.to_owned())).collect()
}

fn message_id(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| line.starts_with("Message-ID: "));
    line.unwrap_or_else(|| panic!("no Message-ID in {text}")).to_owned()
}
