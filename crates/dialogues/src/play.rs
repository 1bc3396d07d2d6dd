//! Playing a script against a server.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::{self, Write as _};
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pop3_client::blocking::{Pop3Connection, TestAccount};

use crate::pattern::{CapturedWords, ReplyPattern};
use crate::script::{AccountValue, Script, ScriptStep, SentPiece};

/// How a script went that did not fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Played {
    /// The server followed it to the end.
    Whole,
    /// It is for servers with this capability, which this one does not list.
    LeftOut(String),
}

/// Where the server departs from the script.
#[derive(Debug)]
pub struct ScriptFailure {
    /// The script's line, from 1.
    pub line: usize,
    /// What happened there instead.
    pub what: Mismatch,
    /// The dialogue up to there.
    pub transcript: String,
}

/// What happened instead of a step.
#[derive(Debug)]
pub enum Mismatch {
    /// There is no connection to this address.
    NotConnected(String, io::Error),
    /// Nothing can be sent.
    NotSent(io::Error),
    /// Nothing can be received.
    NotReceived(io::Error),
    /// The server closed the connection where a line was due.
    Closed,
    /// The server's line does not end in CRLF.
    NoCrlf,
    /// The server sent something else than the script has.
    Sent(String),
    /// The server sent this line in a multi-line reply, which must not have it.
    Listed(String),
    /// The multi-line reply has no line like this pattern.
    NotListed(String),
    /// TLS cannot begin.
    Tls(io::Error),
    /// The server did not close the connection.
    NotClosed(io::Error),
}

impl fmt::Display for ScriptFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}\n{}", self.line, self.what, self.transcript)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConnected(address, error) => write!(f, "{address}: {error}"),
            Self::NotSent(error) => write!(f, "nothing can be sent: {error}"),
            Self::NotReceived(error) => write!(f, "the server says nothing: {error}"),
            Self::Closed => f.write_str("the server closes the connection"),
            Self::NoCrlf => f.write_str("the server's line does not end in CRLF"),
            Self::Sent(text) => write!(f, "the server says {text:?}"),
            Self::Listed(line) => write!(f, "the server says {line:?} in its list"),
            Self::NotListed(pattern) => write!(f, "no line of the list is like {pattern:?}"),
            Self::Tls(error) => write!(f, "TLS: {error}"),
            Self::NotClosed(error) => write!(f, "the server does not close the connection: {error}"),
        }
    }
}

impl std::error::Error for ScriptFailure {}

impl std::error::Error for Mismatch {}

/// Plays the script.
///
/// # Errors
///
/// The first step at which something else happens.
pub fn play(script: &Script, account: &TestAccount) -> Result<Played, ScriptFailure> {
    let mut player = Player::new(account);
    for (number, step) in &script.steps {
        let played = player.step(step).map_err(|what| ScriptFailure {
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
    account: &'a TestAccount,
    /// The connections by their numbers, each opened when the first step needs it.
    connections: HashMap<u32, Pop3Connection>,
    /// The number of the connection that steps use.
    at: u32,
    words: CapturedWords,
    /// Lines that the next multi-line reply must have.
    wanted: Vec<&'a ReplyPattern>,
    /// Lines that it must not have.
    unwanted: Vec<&'a ReplyPattern>,
    transcript: String,
}

impl<'a> Player<'a> {
    fn new(account: &'a TestAccount) -> Self {
        Player {
            account,
            connections: HashMap::new(),
            at: 1,
            words: CapturedWords::new(),
            wanted: Vec::new(),
            unwanted: Vec::new(),
            transcript: String::new(),
        }
    }

    fn step(&mut self, step: &'a ScriptStep) -> Result<Played, Mismatch> {
        match step {
            ScriptStep::Needs(pattern) => return self.needs(pattern),
            ScriptStep::Send(pieces) => {
                let octets: Vec<u8> = pieces.iter().flat_map(|piece| self.octets(piece)).collect();
                let _ = writeln!(self.transcript, "C: {}", shown(&octets));
                self.connection()?.send(&octets).map_err(Mismatch::NotSent)?;
            }
            ScriptStep::Line(pattern) => {
                let line = self.reply()?;
                if !pattern.matches(&line, &mut self.words) {
                    return Err(Mismatch::Sent(line));
                }
            }
            ScriptStep::Among(pattern) => self.wanted.push(pattern),
            ScriptStep::NotAmong(pattern) => self.unwanted.push(pattern),
            ScriptStep::Lines => self.list()?,
            ScriptStep::Tls => {
                let connection = match self.connections.remove(&self.at) {
                    Some(connection) => connection,
                    None => open(self.account)?,
                };
                let secured = connection.secured(&self.account.host).map_err(Mismatch::Tls)?;
                self.connections.insert(self.at, secured);
                let _ = writeln!(self.transcript, "(TLS)");
            }
            ScriptStep::End => match self.connection()?.rest() {
                Ok(rest) if rest.is_empty() => {}
                Ok(rest) => return Err(Mismatch::Sent(shown(&rest))),
                Err(error) => return Err(Mismatch::NotClosed(error)),
            },
            ScriptStep::Anew => {
                let _ = writeln!(self.transcript, "---");
                self.connections.remove(&self.at);
            }
            ScriptStep::At(number) => {
                let _ = writeln!(self.transcript, "={number}");
                self.at = *number;
            }
        }
        Ok(Played::Whole)
    }

    /// Whether the server lists such a capability, asked on a connection of its own.
    fn needs(&self, pattern: &ReplyPattern) -> Result<Played, Mismatch> {
        let mut asking = Player::new(self.account);
        asking.reply()?;
        asking.connection()?.send(b"CAPA\r\n").map_err(Mismatch::NotSent)?;
        let mut line = asking.reply()?;
        if line.starts_with("+OK") {
            while line != "." {
                line = asking.reply()?;
                if pattern.matches(&line, &mut CapturedWords::new()) {
                    return Ok(Played::Whole);
                }
            }
        }
        Ok(Played::LeftOut(pattern.to_string()))
    }

    /// Reads a multi-line reply to its end.
    fn list(&mut self) -> Result<(), Mismatch> {
        let mut wanted = std::mem::take(&mut self.wanted);
        let unwanted = std::mem::take(&mut self.unwanted);
        loop {
            let line = self.reply()?;
            if line == "." {
                break;
            }
            wanted.retain(|pattern| !pattern.matches(&line, &mut self.words));
            if unwanted.iter().any(|pattern| pattern.matches(&line, &mut self.words)) {
                return Err(Mismatch::Listed(line));
            }
        }
        match wanted.first() {
            Some(pattern) => Err(Mismatch::NotListed(pattern.to_string())),
            None => Ok(()),
        }
    }

    fn octets(&self, piece: &SentPiece) -> Vec<u8> {
        let TestAccount { user, password, .. } = self.account;
        match piece {
            SentPiece::Octets(octets) => octets.clone(),
            SentPiece::Value(AccountValue::User) => user.as_bytes().to_vec(),
            SentPiece::Value(AccountValue::Password) => password.as_bytes().to_vec(),
            SentPiece::Value(AccountValue::User64) => STANDARD.encode(user).into_bytes(),
            SentPiece::Value(AccountValue::Password64) => STANDARD.encode(password).into_bytes(),
            SentPiece::Value(AccountValue::Plain) => {
                STANDARD.encode(format!("\0{user}\0{password}")).into_bytes()
            }
        }
    }

    /// The connection that steps use now.
    fn connection(&mut self) -> Result<&mut Pop3Connection, Mismatch> {
        Ok(match self.connections.entry(self.at) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(free) => free.insert(open(self.account)?),
        })
    }

    /// The server's next line, without its end.
    fn reply(&mut self) -> Result<String, Mismatch> {
        let line = self.connection()?.line().map_err(Mismatch::NotReceived)?;
        let _ = writeln!(self.transcript, "S: {}", shown(&line));
        match line.strip_suffix(b"\r\n") {
            Some(text) => Ok(String::from_utf8_lossy(text).into_owned()),
            None if line.is_empty() => Err(Mismatch::Closed),
            None => Err(Mismatch::NoCrlf),
        }
    }
}

fn open(account: &TestAccount) -> Result<Pop3Connection, Mismatch> {
    let TestAccount { host, port, .. } = account;
    Pop3Connection::connect((host.as_str(), *port))
        .map_err(|error| Mismatch::NotConnected(format!("{host} port {port}"), error))
}

/// Octets as one line of text.
fn shown(octets: &[u8]) -> String {
    let text: String = octets.escape_ascii().map(char::from).take(400).collect();
    text.strip_suffix("\\r\\n").map_or(text.clone(), str::to_owned)
}
