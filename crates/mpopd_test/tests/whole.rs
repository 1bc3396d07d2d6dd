//! The real program with a server that misbehaves on demand: it finds and names each defect.
#![allow(clippy::unwrap_used, reason = "a panic is the verdict")]

mod server;

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;
use server::{Defect, Server};

const MAIL: [&str; 3] = [
    "Subject: one\n\nThe first message.\n",
    "Subject: two\n\nThe second message has dots:\n.\n..\n.signature\n",
    "Subject: three\n\nThe third message.\n",
];

fn mpopd_test(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpopd_test"));
    command.args(arguments.split_ascii_whitespace()).output().unwrap()
}

/// Runs the program with this server, and returns the exit status and the figures.
fn run(server: &Server, arguments: &str) -> (i32, Value) {
    let output = mpopd_test(&format!("-h 127.0.0.1 -n {} -p pw --json {arguments}", server.port));
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}\n{errors}"));
    (output.status.code().unwrap(), json)
}

/// Runs one session with a server that has this defect, and returns the only failure: its kind, text and
/// transcript.
fn fault(defect: Defect, arguments: &str) -> (String, String, String) {
    let server = Server::start(defect, &MAIL);
    let (status, json) = run(&server, &format!("-u alice --count 1 {arguments}"));
    assert_eq!((status, &json["sessions"], &json["failed"]), (1, &0.into(), &1.into()), "{defect:?}: {json}");
    let faults = json["faults"].as_object().unwrap();
    assert_eq!(faults.len(), 1, "{defect:?}: {json}");
    let (kind, fault) = faults.iter().next().unwrap();
    let text = |name: &str| fault[name].as_str().unwrap().to_owned();
    (kind.clone(), text("sample"), text("transcript"))
}

/// The mails as an mbox, for `--verify`.
fn mbox() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mbox");
    let text: String = MAIL.iter().map(|mail| format!("From a@b\n{mail}\n")).collect();
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap().to_owned();
    (folder, name)
}

#[test]
fn a_good_server_has_no_fault_in_any_mode() {
    let (_folder, mbox) = mbox();
    for mode in ["login", "list", "retr", "drain"] {
        for pipeline in ["", "--pipeline"] {
            let server = Server::start(Defect::None, &MAIL);
            let verify =
                if ["retr", "drain"].contains(&mode) { format!("--verify {mbox}") } else { String::new() };
            let arguments =
                format!("--users u%d:0-3 --connections 2 --count 4 --mode {mode} {pipeline} {verify}");
            let (status, json) = run(&server, &arguments);
            assert_eq!((status, &json["sessions"], &json["failed"]), (0, &4.into(), &0.into()), "{json}");
            let messages = if verify.is_empty() { 0 } else { 12 };
            assert_eq!(json["messages"], messages, "{mode}");
            let at_once = *server.seen.at_once.lock().unwrap();
            assert_eq!(at_once > 1, !pipeline.is_empty(), "{mode}: {at_once} commands at once");
            for user in ["u0", "u1", "u2", "u3"] {
                assert_eq!(server.left(user), if mode == "drain" { 0 } else { 3 }, "{mode}");
            }
        }
    }
}

#[test]
fn each_defect_is_found_and_named() {
    let (_folder, mbox) = mbox();
    let verify = format!("--mode retr --verify {mbox}");
    let defects = [
        (Defect::WrongByte, &*verify, "wrong-content", "alice: RETR 2: it is like"),
        (Defect::SameMessage, "--mode retr", "wrong-octets", "RETR 2: 36 octets came, but LIST said"),
        (Defect::WrongOctets, "--mode retr", "wrong-octets", "RETR 2: 65 octets came, but LIST said 66"),
        (Defect::NoTerminator, "--mode retr", "no-terminator", "the terminator is missing after 65 octets"),
        (Defect::NoTerminatorAndSilence, "--mode retr --timeout 2", "no-terminator", "nothing came for 2 s"),
        (
            Defect::Silence,
            "--timeout 2",
            "stalled",
            "nothing came for 2 s; still missing: the answer to STAT",
        ),
        (Defect::NoGreeting, "--timeout 2", "stalled", "the greeting"),
        (Defect::BareLf, "--mode retr", "bare-lf", "RETR 2: octet 63 is a LF"),
        (Defect::Unstuffed, "--mode retr", "wrong-octets", "RETR 2"),
        (Defect::ListAgainstStat, "--mode list", "bad-listing", "LIST: it has 3 messages of"),
        (Defect::OneUidl, "--mode list", "bad-listing", "UIDL: messages 1 and 2 are both \"same\""),
        (Defect::Ssh, "", "not-pop3", "SSH-2.0"),
        (Defect::InUse, "", "in-use", "alice: PASS: -ERR [IN-USE]"),
        (Defect::WrongPassword, "", "login-refused", "alice: PASS: -ERR [AUTH] no"),
        (Defect::HangUp, "", "closed", "closed the connection before the answer to PASS"),
    ];
    // In parallel, because some of them take time.
    std::thread::scope(|scope| {
        for (defect, arguments, kind, says) in defects {
            scope.spawn(move || {
                let (found, text, _) = fault(defect, arguments);
                assert_eq!(found, kind, "{defect:?}: {text}");
                assert!(text.contains(says), "{defect:?}: {text}");
            });
        }
    });
}

#[test]
fn dots_that_are_not_doubled_are_named_when_no_line_is_a_dot_alone() {
    let server = Server::start(Defect::Unstuffed, &["a\n", "b\n.signature\n"]);
    let (status, json) = run(&server, "-u alice --count 1 --mode retr");
    assert_eq!(status, 1);
    let text = json["faults"]["bad-dot-stuffing"]["sample"].as_str().unwrap();
    assert!(text.contains("RETR 2: 1 lines begin with a dot that is not doubled"), "{text}");
}

#[test]
fn a_wrong_byte_comes_with_the_dialogue_and_without_the_password() {
    let (_folder, mbox) = mbox();
    let (_, text, transcript) = fault(Defect::WrongByte, &format!("--mode retr --verify {mbox}"));
    assert!(text.contains("as far as octet 20"), "{text}");
    for line in ["C: USER alice", "C: PASS ******", "C: RETR 2", "65 octets and the terminator"] {
        assert!(transcript.contains(line), "{line}: {transcript}");
    }
    assert!(!transcript.contains("pw"));
}

#[test]
fn nobody_listening_is_named() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let output = mpopd_test(&format!("-h 127.0.0.1 -n {port} -u alice --duration 60 --json"));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    // It does not try for a minute.
    assert_eq!(json["faults"]["connection-refused"]["count"], 10, "{json}");
}

#[test]
fn a_message_that_comes_back_or_gets_lost_is_found_by_draining() {
    let server = Server::start(Defect::KeepsAll, &MAIL);
    let (status, json) = run(&server, "-u alice --mode drain");
    assert_eq!(status, 1);
    let text = json["faults"]["came-back"]["sample"].as_str().unwrap();
    assert!(text.contains("alice: UIDL: 3 messages are listed again, such as \"uidl-1\""), "{text}");

    let server = Server::start(Defect::LosesOne, &MAIL);
    let (status, json) = run(&server, "-u alice --mode drain --messages 0");
    assert_eq!(status, 1);
    let text = json["faults"]["lost"]["sample"].as_str().unwrap();
    assert!(text.contains("\"uidl-3\" is not listed any more, and no QUIT had removed it"), "{text}");
    assert_eq!(json["drain"]["lost"], 1);
}

#[test]
fn a_message_that_is_nowhere_is_missed() {
    let (_folder, mbox) = mbox();
    let server = Server::start(Defect::None, &MAIL[..2]);
    let (status, json) = run(&server, &format!("-u alice --mode retr --count 1 --verify {mbox}"));
    assert_eq!(status, 1);
    assert!(json["faults"]["lost"]["sample"].as_str().unwrap().contains("did not come"), "{json}");
    let doubled = Server::start(Defect::None, &[MAIL[0], MAIL[0], MAIL[1], MAIL[2]]);
    let (_, json) = run(&doubled, &format!("-u alice --mode retr --count 1 --verify {mbox}"));
    assert_eq!(json["faults"]["delivered-twice"]["count"], 1, "{json}");
}

#[test]
fn a_drained_maildrop_is_balanced() {
    let server = Server::start(Defect::None, &MAIL);
    let (status, json) = run(&server, "--users u%d:0-4 --connections 3 --mode drain");
    assert_eq!(status, 0, "{json}");
    let balance = &json["drain"];
    assert_eq!(
        (&balance["listed"], &balance["removed"], &balance["left"]),
        (&15.into(), &15.into(), &0.into())
    );
}

#[test]
fn an_open_loop_counts_the_wait_for_a_slow_server() {
    let server = Server::start(Defect::Slow, &MAIL);
    // Each session takes at least 400 ms; with one connection the tenth has waited for nine others.
    let (status, json) = run(&server, "-u alice --rate 1000 --count 10 --connections 1");
    assert_eq!(status, 0, "{json}");
    let latency = json["latency"].as_array().unwrap();
    let phase = |name: &str| latency.iter().find(|latency| latency["phase"] == name).unwrap();
    assert!(phase("session")["max"].as_f64().unwrap() >= 3900.0, "{json}");
    assert!(phase("connect")["max"].as_f64().unwrap() >= 3500.0, "{json}");
    assert!(phase("stat")["min"].as_f64().unwrap() >= 99.0, "{json}");
    assert!(json["late"].as_u64().unwrap() >= 9, "{json}");
}

#[test]
fn the_classic_summary_is_connects_and_seconds() {
    let server = Server::start(Defect::None, &MAIL);
    let mut child = Command::new(env!("CARGO_BIN_EXE_mpopd_test"))
        .args(["-h", "127.0.0.1", "-n", &server.port.to_string(), "-u", "alice", "-p", "pw", "-i", "0.01"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while server.seen.commands.lock().unwrap().iter().filter(|line| *line == "QUIT").count() < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (connects, seconds) =
        text.strip_prefix("Successful connects: ").unwrap().split_once("\nSeconds: ").unwrap();
    assert!(connects.parse::<u32>().unwrap() >= 3, "{text}");
    assert!(seconds.trim_end().parse::<f64>().unwrap() > 0.0, "{text}");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    let commands = server.seen.commands.lock().unwrap();
    assert_eq!(commands[..4], ["USER alice", "PASS pw", "STAT", "QUIT"]);
}

#[test]
fn the_page_is_written_and_whole() {
    let (folder, mbox) = mbox();
    let page = folder.path().join("page.html");
    let server = Server::start(Defect::WrongByte, &MAIL);
    let arguments = format!("-u alice --count 3 --mode retr --verify {mbox} --html {}", page.display());
    let (status, _) = run(&server, &arguments);
    assert_eq!(status, 1);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.ends_with("</html>\n") && html.contains("<svg") && html.contains("wrong-content: 3"));
    for outside in ["<script", "http://", "https://", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
}

#[test]
fn wrong_usage_is_status_2_and_says_why() {
    for (arguments, says) in [
        ("", "--user"),
        ("-u alice --mode nonsense", "nonsense"),
        ("-u alice --json", "--duration"),
        ("--fill tar /tmp/x", "mbox or maildir"),
    ] {
        let output = mpopd_test(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {text}");
        assert!(text.contains(says), "{arguments}: {text}");
    }
    let output = mpopd_test("-h host.invalid -u alice --count 1");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("mpopd_test: host host.invalid: "));
}
