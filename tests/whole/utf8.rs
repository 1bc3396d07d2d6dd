//! UTF8 (RFC 6856): a client that sends it gets messages unchanged, others get headers in ASCII. Also names
//! and passwords in UTF-8.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::harness::{Daemon, Format, Message, Pop3Client, TestAccount};
use crate::tls::secured;

fn messages() -> Vec<Message> {
    [
        "From: Jürgen <j@bü.example>\nSubject: Grüße\n\nWie geht es?\n.\n",
        "Subject: plain\n\nü in the body\n",
        "Subject: 日本語\n\nlast\n",
    ]
    .map(|message| Message(message.as_bytes().to_vec()))
    .to_vec()
}

/// Logs in with USER and PASS, after sending UTF8 or without it.
fn login(daemon: &Daemon, utf8: bool) -> Pop3Client {
    let mut pop = Pop3Client::connect(daemon.port());
    if utf8 {
        pop.ok("UTF8");
    }
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    pop
}

fn check_sizes(pop: &mut Pop3Client) -> Vec<Vec<u8>> {
    let all = pop.retrieve_all();
    let octets: Vec<usize> = all.iter().map(Vec::len).collect();
    assert_eq!((pop.list(), pop.stat().1), (octets.clone(), octets.iter().sum()));
    for (number, message) in (1..).zip(&all) {
        let status = pop.ok(&format!("LIST {number}"));
        assert_eq!(status, format!("{number} {}", message.len()));
        let top = pop.body(&format!("TOP {number} 0"));
        assert!(top.ends_with(b"\r\n\r\n") && message.starts_with(&top));
    }
    all
}

#[test]
fn clients_get_what_they_asked_for_and_all_sizes_are_exact() {
    let stored: Vec<Vec<u8>> = messages().iter().map(Message::wire).collect();
    for format in Format::BOTH {
        let daemon = Daemon::new(format).user("alice", &messages()).start();
        let mut with = login(&daemon, true);
        assert_eq!(check_sizes(&mut with), stored, "{format:?}");
        let names = with.uidl();
        assert!(with.err("UTF8").contains("already"));
        with.quit();

        let mut without = login(&daemon, false);
        let got = check_sizes(&mut without);
        let first = "From: =?UTF-8?Q?J=C3=BCrgen?= =?UTF-8?Q?j=40b=C3=BC=2Eexample?= :;\r\n\
                     Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\nWie geht es?\r\n.\r\n";
        assert_eq!(String::from_utf8_lossy(&got[0]), first);
        assert_eq!(got[1], stored[1], "a header in ASCII was changed");
        assert!(got[2].is_ascii());
        assert_eq!(without.uidl(), names, "{format:?}");
        without.ok("DELE 1");
        without.quit();
        assert_eq!(check_sizes(&mut login(&daemon, true)), stored[1..]);
    }
}

#[test]
fn utf8_counts_for_a_login_by_sasl_and_the_mode_survives_a_failed_one() {
    let daemon = Daemon::new(Format::Maildir).user("alice", &messages()).start();
    let plain = |password: &str| STANDARD.encode(format!("\0alice\0{password}"));
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("UTF8");
    pop.err(&format!("AUTH PLAIN {}", plain("wrong")));
    pop.ok(&format!("AUTH PLAIN {}", plain("secret word")));
    assert_eq!(check_sizes(&mut pop)[0], messages()[0].wire());
    pop.quit();
    // In several steps.
    let mut pop = Pop3Client::connect(daemon.port());
    pop.ok("UTF8");
    assert!(pop.ask("AUTH LOGIN").is_ok_and(|challenge| challenge.starts_with("+ ")));
    assert!(pop.ask(&STANDARD.encode("alice")).is_ok_and(|challenge| challenge.starts_with("+ ")));
    pop.ok(&STANDARD.encode("secret word"));
    assert_eq!(check_sizes(&mut pop)[0], messages()[0].wire());
}

#[test]
fn stls_after_utf8_is_refused() {
    let Some(secured) = secured("") else { return };
    let mut pop = Pop3Client::connect(secured.daemon.port());
    assert!(pop.lines("CAPA").contains(&"STLS".to_owned()));
    pop.ok("UTF8");
    assert!(pop.err("STLS").contains("UTF8"));
    pop.ok("USER alice");
    pop.ok("PASS secret word");
}

#[test]
fn without_the_setting_everybody_gets_messages_as_they_are() {
    let daemon = Daemon::new(Format::Mbox).user("alice", &messages()).setting("utf8 = false").start();
    let mut pop = Pop3Client::connect(daemon.port());
    assert!(!pop.lines("CAPA").concat().contains("UTF8"));
    pop.err("UTF8");
    pop.ok("USER alice");
    pop.ok("PASS secret word");
    let stored: Vec<Vec<u8>> = messages().iter().map(Message::wire).collect();
    assert_eq!(check_sizes(&mut pop), stored);
}

#[test]
fn names_and_passwords_in_utf8_are_the_same_however_they_are_composed() {
    let daemon = Daemon::new(Format::Mbox).user_with("jürgen", "{PLAIN}geheim ß").start();
    let account =
        |user: &str, password: &str| TestAccount { password: password.to_owned(), ..daemon.account(user) };
    account("jürgen", "geheim ß").login().quit();
    account("ju\u{308}rgen", "geheim\u{a0}ß").login().quit();
    daemon.logged(&["login ok", "user=<j\\xc3\\xbcrgen>"]);
    for (user, password) in [("jürgen", "geheim ss"), ("jürgen", "geheim\u{2028}ß"), ("jurgen", "geheim ß")]
    {
        let refused = account(user, password).try_login().err().expect("a refusal").to_string();
        assert!(refused.starts_with("-ERR [AUTH] "), "{user} {password}: {refused}");
    }
    let mut pop = Pop3Client::connect(daemon.port());
    assert!(pop.lines("CAPA").contains(&"UTF8 USER".to_owned()));
    pop.ok("USER jürgen");
    pop.send(b"PASS geheim \xdf\r\n").expect("a line");
    assert!(pop.reply().expect("a reply").starts_with("-ERR [AUTH] "), "a password that is not UTF-8");
}
