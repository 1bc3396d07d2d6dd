//! Playing a script against a server.

use std::fmt::{self, Write as _};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::pattern::Words;
use crate::script::{Piece, Script, Step};

/// A server that says nothing for so long will not say it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest line that is read, in octets.
const MOST_LINE: u64 = 1 << 20;

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
pub fn play(script: &Script, account: &Account) -> Result<(), Failure> {
    let mut player = Player { account, line: None, words: Words::new(), transcript: String::new() };
    for (number, step) in &script.steps {
        player.step(step).map_err(|what| Failure {
            line: *number,
            what,
            transcript: std::mem::take(&mut player.transcript),
        })?;
    }
    Ok(())
}

struct Player<'a> {
    account: &'a Account,
    /// Connected when the first step needs it.
    line: Option<BufReader<TcpStream>>,
    words: Words,
    transcript: String,
}

impl Player<'_> {
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Send(pieces) => {
                let octets: Vec<u8> = pieces.iter().flat_map(|piece| self.octets(piece)).copied().collect();
                let _ = writeln!(self.transcript, "C: {}", shown(&octets));
                self.connected()?
                    .get_mut()
                    .write_all(&octets)
                    .map_err(|error| format!("nothing can be sent: {error}"))
            }
            Step::Line(pattern) => {
                let line = self.reply()?;
                if pattern.matches(&line, &mut self.words) {
                    return Ok(());
                }
                Err(format!("the server says {line:?}"))
            }
            Step::Lines => {
                while self.reply()? != "." {}
                Ok(())
            }
            Step::End => {
                let mut rest = Vec::new();
                match self.connected()?.take(MOST_LINE).read_to_end(&mut rest) {
                    Ok(0) => Ok(()),
                    Ok(_) => Err(format!("the server says {:?}", shown(&rest))),
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
                    Err(error) => Err(format!("the server does not close the connection: {error}")),
                }
            }
            Step::Anew => {
                let _ = writeln!(self.transcript, "---");
                self.line = None;
                Ok(())
            }
        }
    }

    fn octets<'p>(&'p self, piece: &'p Piece) -> &'p [u8] {
        match piece {
            Piece::Octets(octets) => octets,
            Piece::User => self.account.user.as_bytes(),
            Piece::Password => self.account.password.as_bytes(),
        }
    }

    fn connected(&mut self) -> Result<&mut BufReader<TcpStream>, String> {
        if self.line.is_none() {
            let address = &self.account.address;
            let connect = || {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(stream)
            };
            let stream = connect().map_err(|error: io::Error| format!("{address}: {error}"))?;
            self.line = Some(BufReader::new(stream));
        }
        self.line.as_mut().ok_or_else(|| "there is no connection".to_owned())
    }

    /// The server's next line, without its end.
    fn reply(&mut self) -> Result<String, String> {
        let mut line = Vec::new();
        let read = self.connected()?.take(MOST_LINE).read_until(b'\n', &mut line);
        read.map_err(|error| format!("the server says nothing: {error}"))?;
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
