//! Reloading the configuration with SIGUSR1 and SIGHUP at any moment, with valid and invalid files.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use rustix::process::Signal;

use crate::harness::{Daemon, Format, Message, Pop3Client, Port, eventually, messages};
use crate::tls::{openssl, secured, self_signed};

const TAKEN_OVER: &str = "the configuration was re-read";
const REFUSED: &str = "the configuration was not taken over";

#[test]
fn usr1_is_for_sessions_that_begin_later() {
    for format in Format::BOTH {
        let mut daemon = Daemon::new(format)
            .user("alice", &messages::ordinary())
            .user("bob", &messages::ordinary())
            .setting("greeting = \"before\"")
            .start();
        let mut inside = daemon.account("alice").login();
        let mut outside = Pop3Client::connect(daemon.port());
        inside.ok("DELE 1");
        reread(&mut daemon, "greeting = \"after\"");
        assert!(Pop3Client::connect(daemon.port()).greeting().contains("after"));

        // Both sessions began earlier and keep their old settings until they end.
        assert_eq!(inside.body("RETR 2"), messages::ordinary()[1].wire(), "{format:?}");
        outside.ok("USER bob");
        outside.ok("PASS secret word");
        assert_eq!(outside.retrieve_all().len(), messages::ordinary().len());
        outside.quit();
        inside.quit();
        assert_eq!(daemon.account("alice").login().stat().0, messages::ordinary().len() - 1);
        settled(&daemon);
    }
}

#[test]
fn usr1_does_not_let_two_sessions_have_one_maildrop() {
    for format in Format::BOTH {
        let mut daemon = Daemon::new(format).user("alice", &messages::ordinary()).start();
        let first = daemon.account("alice").login();
        reread(&mut daemon, "timeout = 500");
        let refused = daemon.account("alice").try_login().err().expect("a refusal");
        assert!(refused.to_string().starts_with("-ERR [IN-USE] "), "{format:?}: {refused}");
        first.quit();
        daemon.account("alice").login().quit();
    }
}

#[test]
fn usr1_has_the_user_list_read_again_and_forgets_whom_it_has_let_in() {
    let mut daemon =
        Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).setting("auth_cache = 3600").start();
    daemon.account("alice").login().quit();
    let before = daemon.role("mpopd-auth");
    reread(&mut daemon, "timeout = 500");
    eventually("auth processes with nothing remembered", || {
        let now = daemon.role_now("mpopd-auth");
        (!now.is_empty() && !now.iter().any(|auth| before.contains(auth))).then_some(())
    });
    daemon.account("alice").login().quit();
}

#[test]
fn usr1_leaves_the_port_and_hup_moves_it() {
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let (old, new) = (daemon.port(), Port::reserve());
    let mut session = daemon.account("alice").login();
    reread(&mut daemon, &format!("port = {}", new.number));
    daemon.logged(&["WARN port:", "SIGHUP"]);
    Pop3Client::connect(old).quit();
    assert!(TcpStream::connect(("127.0.0.1", new.number)).is_err());
    session.ok("NOOP");

    daemon.supervisor().signal(Signal::HUP);
    let moved = || pid_file_port(&daemon).filter(|port| *port == new.number);
    eventually("the new port in the pid file", moved);
    Pop3Client::connect(new.number).quit();
    assert_farewell(&session.rest());
    eventually("nobody at the old port", || TcpStream::connect(("127.0.0.1", old)).err());
}

#[test]
fn hup_closes_every_session_and_undoes_deletions() {
    for format in Format::BOTH {
        let daemon = Daemon::new(format)
            .user("alice", &messages::ordinary())
            .user("bob", &messages::ordinary())
            .start();
        let before = daemon.snapshot();
        let mut sessions = [daemon.account("alice").login(), Pop3Client::connect(daemon.port())];
        sessions[0].ok("DELE 1");
        daemon.supervisor().signal(Signal::USR1);
        daemon.logged(&[TAKEN_OVER]);
        // A session of the new generation, too.
        let mut newer = daemon.account("bob").login();
        newer.ok("DELE 2");
        daemon.supervisor().signal(Signal::HUP);
        sessions.iter_mut().chain([&mut newer]).for_each(|session| assert_farewell(&session.rest()));
        settled(&daemon);
        for user in ["alice", "bob"] {
            let mut pop = daemon.account(user).login_when_free();
            assert_eq!(pop.stat().0, messages::ordinary().len(), "{format:?}");
            pop.quit();
        }
        assert_eq!(before, daemon.snapshot());
    }
}

#[test]
fn a_wrong_file_changes_nothing_and_is_named() {
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    let taken = Port::reserve();
    let _taken = TcpListener::bind(("127.0.0.1", taken.number)).expect("listening");
    let mut session = daemon.account("alice").login();
    let (pid, port) = (daemon.supervisor(), daemon.port());
    let mut verdicts = 0;
    for (line, named) in [
        ("timeout = \"soon\"", " timeout: "),
        ("no_such_key = 1", " no_such_key: "),
        ("message_start = \"(\"", " message_start: "),
        ("greeting = = 1", "mpopd.conf:"),
    ] {
        daemon.reconfigure(line);
        for signal in [Signal::USR1, Signal::HUP] {
            daemon.supervisor().signal(signal);
            verdicts += 1;
            eventually("a verdict", || (count(&daemon, REFUSED) == verdicts).then_some(()));
            daemon.logged(&["ERROR", named]);
        }
        let key = line.split(' ').next().expect("a key");
        daemon.forget(key);
    }
    daemon.reconfigure(&format!("port = {}", taken.number));
    daemon.supervisor().signal(Signal::HUP);
    eventually("a verdict", || (count(&daemon, REFUSED) == verdicts + 1).then_some(()));
    daemon.logged(&["ERROR", &taken.number.to_string(), "another program listens there"]);

    session.ok("NOOP");
    session.quit();
    daemon.account("alice").login().quit();
    assert_eq!(pid_file_port(&daemon), Some(port));
    assert!(pid.is_alive() && count(&daemon, TAKEN_OVER) == 0);
}

#[test]
fn certificates_are_read_again_without_dropping_anyone() {
    let Some(mut secured) = secured("") else { return };
    let address = format!("127.0.0.1:{}", secured.tls.number);
    let subject = || {
        let shown = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -subject"
            ))
            .output();
        String::from_utf8(shown.expect("openssl").stdout).expect("text")
    };
    assert!(subject().contains("localhost"));
    let mut session = secured.daemon.account("alice").login();
    let folder = secured.certificate.parent().expect("its folder").to_owned();
    let [_, key] = self_signed(&folder, "cert", "renewed", &[]);
    assert!(subject().contains("localhost"), "the file was read without a signal");
    reread(&mut secured.daemon, "timeout = 500");
    assert!(subject().contains("renewed"));
    assert!(openssl(&[&address], "QUIT\r\n").starts_with("+OK"));
    session.ok("NOOP");
    session.quit();

    // A half-finished renewal: the old certificate stays in force.
    fs::write(key, "none").expect("the key");
    secured.daemon.supervisor().signal(Signal::HUP);
    secured.daemon.logged(&["ERROR", "tls.key"]);
    assert!(subject().contains("renewed"));
}

#[test]
fn an_address_may_give_way_to_another_one_of_the_same_port() {
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("listen = [\"0.0.0.0\"]").start();
    daemon.reconfigure("listen = [\"127.0.0.1\"]");
    daemon.supervisor().signal(Signal::HUP);
    daemon.logged(&[TAKEN_OVER]);
    Pop3Client::connect(daemon.port()).quit();
    assert!(TcpStream::connect(("127.0.0.2", daemon.port())).is_err());
}

#[test]
fn signals_in_quick_succession_lose_nothing() {
    for format in Format::BOTH {
        let big = Message(b"Subject: big\n\n".iter().copied().chain(b"line\n".repeat(2_000_000)).collect());
        let mut daemon = Daemon::new(format)
            .user("reader", &[big])
            .user("idle", &messages::ordinary())
            .user("quitter", &messages::ordinary())
            .user("comer", &messages::ordinary())
            .start();
        let before = daemon.snapshot();
        let mut reader = daemon.account("reader").login();
        reader.ok("DELE 1");
        reader.ok("RSET");
        reader.send(b"RETR 1\r\n").expect("sending");
        let mut idle = daemon.account("idle").login();
        idle.ok("DELE 1");
        let mut quitter = daemon.account("quitter").login();
        for n in 1..=messages::ordinary().len() {
            quitter.ok(&format!("DELE {n}"));
        }
        // The commit and the logins race with the signals. Either may come first; both outcomes are correct.
        quitter.send(b"QUIT\r\n").expect("sending");
        for _ in 0..20 {
            for signal in [Signal::USR1, Signal::HUP, Signal::USR1] {
                daemon.supervisor().signal(signal);
            }
            if let Ok(mut pop) = daemon.account("comer").try_login() {
                let _ = pop.ask("DELE 1");
            }
        }
        let farewell = quitter.rest();
        let committed = farewell.starts_with(b"+OK");
        assert!(committed || farewell.starts_with(b"-ERR "), "{}", farewell.escape_ascii());
        assert_farewell(&idle.rest());
        // Whatever part of the message arrived, it must not include the terminator.
        assert!(!reader.rest().ends_with(b"\r\n.\r\n"), "{format:?}: the message was broken off");

        // When a later signal has taken effect, so have all earlier ones.
        daemon.reconfigure("greeting = \"last\"");
        daemon.supervisor().signal(Signal::USR1);
        let is_last = |pop: Pop3Client| pop.greeting().contains("last").then_some(());
        eventually("the last greeting", || Pop3Client::try_connect(daemon.port()).ok().and_then(is_last));
        settled(&daemon);
        for user in ["idle", "comer"] {
            let mut pop = daemon.account(user).login_when_free();
            assert_eq!(pop.stat().0, messages::ordinary().len(), "{format:?}: {user}");
            pop.quit();
        }
        let mut pop = daemon.account("quitter").login_when_free();
        let left = if committed { 0 } else { messages::ordinary().len() };
        assert_eq!(pop.stat().0, left, "{format:?}");
        pop.quit();
        assert_eq!(daemon.account("reader").login_when_free().stat().0, 1);
        let only_the_quitters = |changed: &std::path::PathBuf| changed.starts_with("quitter");
        assert!(before.changed(&daemon.snapshot()).iter().all(only_the_quitters), "{format:?}");
    }
}

#[test]
fn of_the_sessions_from_before_so_many_readings_the_oldest_are_closed() {
    const MOST_RETIRED: usize = 16;
    let mut daemon = Daemon::new(Format::Mbox).user("alice", &[]).setting("login_timeout = 3600").start();
    let mut lines = Vec::new();
    for reading in 0..=MOST_RETIRED {
        lines.push(Pop3Client::connect(daemon.port()));
        reread(&mut daemon, &format!("timeout = {}", 100 + reading));
    }
    assert_farewell(&lines.remove(0).rest());
    lines.iter_mut().for_each(|line| drop(line.lines("CAPA")));
}

#[test]
fn a_client_that_waits_while_the_server_changes_is_served() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages::ordinary()).start();
    // No client is refused or disconnected, however often the configuration is reloaded.
    for _ in 0..30 {
        daemon.supervisor().signal(Signal::USR1);
        let mut line = TcpStream::connect(("127.0.0.1", daemon.port())).expect("a connection");
        let mut greeting = [0; 3];
        line.read_exact(&mut greeting).expect("a greeting");
        assert_eq!(&greeting, b"+OK");
    }
}

#[test]
fn without_root_it_is_re_read_too() {
    let mut daemon =
        Daemon::new(Format::Maildir).user("alice", &messages::ordinary()).owned_by_its_user().start();
    let mut session = daemon.account("alice").login();
    reread(&mut daemon, "greeting = \"after\"");
    assert!(Pop3Client::connect(daemon.port()).greeting().contains("after"));
    session.ok("NOOP");
    daemon.supervisor().signal(Signal::HUP);
    assert_farewell(&session.rest());
    settled(&daemon);
    daemon.account("alice").login_when_free().quit();
}

/// Changes the file and reloads it.
pub(crate) fn reread(daemon: &mut Daemon, line: &str) {
    let before = count(daemon, TAKEN_OVER);
    daemon.reconfigure(line);
    daemon.supervisor().signal(Signal::USR1);
    eventually("that it is re-read", || (count(daemon, TAKEN_OVER) > before).then_some(()));
}

/// Waits until nothing of the old generations is left: all signals have taken effect, and every session that
/// must close is closed.
fn settled(daemon: &Daemon) {
    eventually("one session role", || (daemon.role_now("mpopd-session").len() == 1).then_some(()));
}

fn count(daemon: &Daemon, words: &str) -> usize {
    daemon.log().matches(words).count()
}

fn pid_file_port(daemon: &Daemon) -> Option<u16> {
    sys::pid_file::read(&daemon.pid_file()).expect("reading").and_then(|found| found.port)
}

fn assert_farewell(rest: &[u8]) {
    assert!(rest.starts_with(b"-ERR [SYS/TEMP] "), "{}", rest.escape_ascii());
}
