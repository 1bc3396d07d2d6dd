//! A small POP3 server that does one thing wrong on demand. It shares no code with the client that it tests.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    /// One octet of message 2 is wrong.
    WrongByte,
    /// LIST says one octet too many for message 2, and so does STAT.
    WrongOctets,
    /// The connection ends where message 2 should have its terminator.
    NoTerminator,
    /// The server falls silent where message 2 should have its terminator.
    NoTerminatorAndSilence,
    /// The server falls silent after STAT.
    Silence,
    /// The server sends nothing at all.
    NoGreeting,
    /// A line of message 2 ends in a bare LF.
    BareLf,
    /// The dots of message 2 are not doubled.
    Unstuffed,
    /// LIST and STAT have different totals.
    ListAgainstStat,
    /// Two messages have one UIDL.
    OneUidl,
    /// The first line is one of another protocol.
    Ssh,
    /// The maildrop is locked.
    InUse,
    /// The password is wrong.
    WrongPassword,
    /// The connection ends instead of a reply to PASS.
    HangUp,
    /// QUIT says +OK and removes nothing.
    KeepsAll,
    /// The last message of a maildrop is gone after a session that removed nothing.
    LosesOne,
    /// The same message is sent for each number.
    SameMessage,
    /// Each reply takes 100 ms.
    Slow,
}

/// A running server. Its threads end with the test program.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Seen>,
}

/// What the server saw.
#[derive(Default)]
pub(crate) struct Seen {
    maildrops: Mutex<HashMap<String, Vec<Message>>>,
    /// The command lines of all sessions, in the order of their arrival.
    pub(crate) commands: Mutex<Vec<String>>,
    /// The most commands that arrived at once.
    pub(crate) at_once: Mutex<usize>,
}

#[derive(Clone)]
struct Message {
    uidl: String,
    /// CRLF line ends.
    content: Vec<u8>,
}

impl Server {
    /// Starts one. Every user has these messages, with LF line ends.
    pub(crate) fn start(defect: Defect, messages: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let maildrop: Vec<_> = (1..)
            .zip(messages)
            .map(|(n, text)| Message {
                uidl: format!("uidl-{n}"),
                content: text.replace('\n', "\r\n").into(),
            })
            .collect();
        thread::spawn({
            let seen = seen.clone();
            move || {
                for stream in listener.incoming() {
                    let (seen, maildrop) = (seen.clone(), maildrop.clone());
                    // A client may go away in the middle of a session.
                    thread::spawn(move || drop(Session { defect, seen }.serve(stream.unwrap(), &maildrop)));
                }
            }
        });
        Self { port, seen }
    }

    /// How many messages a user has now.
    pub(crate) fn left(&self, user: &str) -> usize {
        self.seen.maildrops.lock().unwrap()[user].len()
    }
}

struct Session {
    defect: Defect,
    seen: Arc<Seen>,
}

impl Session {
    fn serve(&self, stream: TcpStream, initial: &[Message]) -> std::io::Result<()> {
        let mut out = stream.try_clone()?;
        match self.defect {
            Defect::NoGreeting => forever(),
            Defect::Ssh => out.write_all(b"SSH-2.0-OpenSSH_9.2\r\n")?,
            _ => out.write_all(b"+OK ready\r\n")?,
        }
        let mut input = BufReader::new(stream);
        let mut user = String::new();
        let mut messages: Vec<Message> = Vec::new();
        let mut deleted = Vec::new();
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let queued = 1 + input.buffer().iter().filter(|&&octet| octet == b'\n').count();
            let mut at_once = self.seen.at_once.lock().unwrap();
            *at_once = queued.max(*at_once);
            drop(at_once);
            let line = line.trim_end_matches(['\r', '\n']);
            self.seen.commands.lock().unwrap().push(line.to_owned());
            if self.defect == Defect::Slow {
                thread::sleep(Duration::from_millis(100));
            }
            let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
            match (verb, self.defect) {
                ("PASS", Defect::InUse) => out.write_all(b"-ERR [IN-USE] another session has it\r\n")?,
                ("PASS", Defect::WrongPassword) => out.write_all(b"-ERR [AUTH] no\r\n")?,
                ("PASS", Defect::HangUp) => return Ok(()),
                ("PASS", _) => {
                    let mut maildrops = self.seen.maildrops.lock().unwrap();
                    messages = maildrops.entry(user.clone()).or_insert_with(|| initial.to_vec()).clone();
                    drop(maildrops);
                    out.write_all(b"+OK\r\n")?;
                }
                ("USER", _) => {
                    argument.clone_into(&mut user);
                    out.write_all(b"+OK\r\n")?;
                }
                ("STAT", Defect::Silence) => forever(),
                ("STAT", _) => {
                    let sizes = self.sizes(&messages);
                    writeln!(out, "+OK {} {}\r", sizes.len(), sizes.iter().sum::<usize>())?;
                }
                ("LIST", _) => {
                    let mut body = String::from("+OK\r\n");
                    for (number, octets) in (1..).zip(self.sizes(&messages)) {
                        let octets = octets + usize::from(self.defect == Defect::ListAgainstStat);
                        body += &format!("{number} {octets}\r\n");
                    }
                    write!(out, "{body}.\r\n")?;
                }
                ("UIDL", defect) => {
                    let mut body = String::from("+OK\r\n");
                    for (number, message) in (1..).zip(&messages) {
                        let uidl = if defect == Defect::OneUidl { "same" } else { &message.uidl };
                        body += &format!("{number} {uidl}\r\n");
                    }
                    write!(out, "{body}.\r\n")?;
                }
                ("RETR", _) => {
                    let number: usize = argument.parse().unwrap();
                    if !self.send(&mut out, &messages, number)? {
                        return Ok(());
                    }
                }
                ("DELE", _) => {
                    deleted.push(argument.parse::<usize>().unwrap() - 1);
                    out.write_all(b"+OK\r\n")?;
                }
                ("QUIT", defect) => {
                    let mut maildrops = self.seen.maildrops.lock().unwrap();
                    let maildrop = maildrops.get_mut(&user).unwrap();
                    match defect {
                        Defect::KeepsAll => {}
                        Defect::LosesOne if deleted.is_empty() => drop(maildrop.pop()),
                        _ => {
                            deleted.sort_unstable();
                            deleted.iter().rev().for_each(|&index| drop(maildrop.remove(index)));
                        }
                    }
                    drop(maildrops);
                    out.write_all(b"+OK bye\r\n")?;
                    return Ok(());
                }
                _ => out.write_all(b"-ERR what?\r\n")?,
            }
        }
    }

    fn sizes(&self, messages: &[Message]) -> Vec<usize> {
        let extra = |index: usize| usize::from(index == 1 && self.defect == Defect::WrongOctets);
        messages.iter().enumerate().map(|(index, message)| message.content.len() + extra(index)).collect()
    }

    /// Sends a message; false when the connection should end after it.
    fn send(&self, out: &mut TcpStream, messages: &[Message], number: usize) -> std::io::Result<bool> {
        let index = if self.defect == Defect::SameMessage { 0 } else { number - 1 };
        let mut content = messages[index].content.clone();
        let defect = if number == 2 { self.defect } else { Defect::None };
        match defect {
            Defect::WrongByte => content[20] ^= 1,
            Defect::BareLf => {
                let cr = content.iter().rposition(|&octet| octet == b'\r').unwrap();
                content.remove(cr);
            }
            _ => {}
        }
        let mut wire = b"+OK\r\n".to_vec();
        for line in content.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") && defect != Defect::Unstuffed {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        match defect {
            Defect::NoTerminator | Defect::NoTerminatorAndSilence => out.write_all(&wire)?,
            _ => {
                wire.extend_from_slice(b".\r\n");
                // In pieces that cut lines, dots and the terminator apart.
                for piece in wire.chunks(37) {
                    out.write_all(piece)?;
                }
            }
        }
        if defect == Defect::NoTerminatorAndSilence {
            forever();
        }
        Ok(defect != Defect::NoTerminator)
    }
}

fn forever() {
    thread::sleep(Duration::from_secs(3600));
}
