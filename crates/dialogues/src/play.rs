//! Playing a script against a server.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::connection::Connection;
use crate::pattern::{Pattern, Words};
use crate::script::{Piece, Script, Step, Value};

/// Where the server is, and who logs in.
#[derive(Debug, Clone)]
pub struct Account {
    /// `HOST:PORT`.
    pub address: String,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// How a script went that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// The server kept to it.
    Whole,
    /// It is for servers with this capability, which this one does not list.
    LeftOut(String),
}

/// Where the server and the script part ways.
#[derive(Debug)]
pub struct Failure {
    /// The script's line, from 1.
    pub line: usize,
    /// What was expected there, and what came.
    pub what: String,
    /// All that was said until then.
    pub transcript: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}\n{}", self.line, self.what, self.transcript)
    }
}

impl std::error::Error for Failure {}

/// Plays the script.
///
/// # Errors
///
/// The first step that goes otherwise.
pub fn play(script: &Script, account: &Account) -> Result<Played, Failure> {
    let mut player = Player::new(account);
    for (number, step) in &script.steps {
        let played = player.step(step).map_err(|what| Failure {
            line: *number,
            what,
            transcript: std::mem::take(&mut player.transcript),
        })?;
        if played != Played::Whole {
            return Ok(played);
        }
    }
    Ok(Played::Whole)
}

struct Player<'a> {
    account: &'a Account,
    /// The connections by their numbers. Each is made when the first step needs it.
    lines: HashMap<u32, Connection>,
    /// The number of the one that steps happen on.
    at: u32,
    words: Words,
    /// What the lines of the next list must be like.
    wanted: Vec<&'a Pattern>,
    unwanted: Vec<&'a Pattern>,
    transcript: String,
}

impl<'a> Player<'a> {
    fn new(account: &'a Account) -> Self {
        Player {
            account,
            lines: HashMap::new(),
            at: 1,
            words: Words::new(),
            wanted: Vec::new(),
            unwanted: Vec::new(),
            transcript: String::new(),
        }
    }

    fn step(&mut self, step: &'a Step) -> Result<Played, String> {
        match step {
            Step::Needs(pattern) => return self.needs(pattern),
            Step::Send(pieces) => {
                let octets: Vec<u8> = pieces.iter().flat_map(|piece| self.octets(piece)).collect();
                let _ = writeln!(self.transcript, "C: {}", shown(&octets));
                self.connected()?.send(&octets).map_err(|error| format!("nothing can be sent: {error}"))?;
            }
            Step::Line(pattern) => {
                let line = self.reply()?;
                if !pattern.matches(&line, &mut self.words) {
                    return Err(format!("the server says {line:?}"));
                }
            }
            Step::Among(pattern) => self.wanted.push(pattern),
            Step::NotAmong(pattern) => self.unwanted.push(pattern),
            Step::Lines => self.list()?,
            Step::Tls => {
                self.connected()?;
                let line = self.lines.remove(&self.at).ok_or("there is no connection")?;
                let line = line.encrypted(&self.account.address).map_err(|error| format!("TLS: {error}"))?;
                self.lines.insert(self.at, line);
                let _ = writeln!(self.transcript, "(TLS)");
            }
            Step::End => match self.connected()?.rest() {
                Ok(rest) if rest.is_empty() => {}
                Ok(rest) => return Err(format!("the server says {:?}", shown(&rest))),
                Err(error) => return Err(format!("the server does not close the connection: {error}")),
            },
            Step::Anew => {
                let _ = writeln!(self.transcript, "---");
                self.lines.remove(&self.at);
            }
            Step::At(number) => {
                let _ = writeln!(self.transcript, "={number}");
                self.at = *number;
            }
        }
        Ok(Played::Whole)
    }

    /// Whether the server lists such a capability, asked on a connection of its own.
    fn needs(&self, pattern: &Pattern) -> Result<Played, String> {
        let mut asking = Player::new(self.account);
        asking.reply()?;
        asking.connected()?.send(b"CAPA\r\n").map_err(|error| format!("nothing can be sent: {error}"))?;
        let mut line = asking.reply()?;
        if line.starts_with("+OK") {
            while line != "." {
                line = asking.reply()?;
                if pattern.matches(&line, &mut Words::new()) {
                    return Ok(Played::Whole);
                }
            }
        }
        Ok(Played::LeftOut(pattern.to_string()))
    }

    /// Reads a list to its end.
    fn list(&mut self) -> Result<(), String> {
        let mut wanted = std::mem::take(&mut self.wanted);
        let unwanted = std::mem::take(&mut self.unwanted);
        loop {
            let line = self.reply()?;
            if line == "." {
                break;
            }
            wanted.retain(|pattern| !pattern.matches(&line, &mut self.words));
            if unwanted.iter().any(|pattern| pattern.matches(&line, &mut self.words)) {
                return Err(format!("the server says {line:?} in its list"));
            }
        }
        match wanted.first() {
            Some(pattern) => Err(format!("no line of the list is like {:?}", pattern.to_string())),
            None => Ok(()),
        }
    }

    fn octets(&self, piece: &Piece) -> Vec<u8> {
        let Account { user, password, .. } = self.account;
        match piece {
            Piece::Octets(octets) => octets.clone(),
            Piece::Value(Value::User) => user.as_bytes().to_vec(),
            Piece::Value(Value::Password) => password.as_bytes().to_vec(),
            Piece::Value(Value::User64) => STANDARD.encode(user).into_bytes(),
            Piece::Value(Value::Password64) => STANDARD.encode(password).into_bytes(),
            Piece::Value(Value::Plain) => STANDARD.encode(format!("\0{user}\0{password}")).into_bytes(),
        }
    }

    fn connected(&mut self) -> Result<&mut Connection, String> {
        let address = &self.account.address;
        if !self.lines.contains_key(&self.at) {
            let line = Connection::open(address).map_err(|error: io::Error| format!("{address}: {error}"))?;
            self.lines.insert(self.at, line);
        }
        self.lines.get_mut(&self.at).ok_or_else(|| "there is no connection".to_owned())
    }

    /// The server's next line, without its end.
    fn reply(&mut self) -> Result<String, String> {
        let line = self.connected()?.line().map_err(|error| format!("the server says nothing: {error}"))?;
        let _ = writeln!(self.transcript, "S: {}", shown(&line));
        match line.strip_suffix(b"\r\n") {
            Some(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            None if line.is_empty() => Err("the server closes the connection".to_owned()),
            None => Err("the server's line does not end in CRLF".to_owned()),
        }
    }
}

/// Octets as one line of text.
fn shown(octets: &[u8]) -> String {
    let text: String = octets.escape_ascii().map(char::from).take(400).collect();
    text.strip_suffix("\\r\\n").map_or(text.clone(), str::to_owned)
}
