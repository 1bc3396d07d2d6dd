//! A POP3 client that hides nothing: lines out, lines in, every wait bounded.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::{PATIENCE, eventually};

/// Where and as whom to log in.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Account {
    /// A session of this account, logged in.
    pub(crate) fn login(&self) -> Pop {
        let mut pop = Pop::connect(self.port);
        pop.ok(&format!("USER {}", self.user));
        pop.ok(&format!("PASS {}", self.password));
        pop
    }

    /// The same once the maildrop is free: a server learns of a dropped line a moment after it dropped.
    pub(crate) fn login_when_free(&self) -> Pop {
        eventually("a login", || self.try_login().ok())
    }

    /// A login that may fail: the reply, or what the line did.
    pub(crate) fn try_login(&self) -> io::Result<Pop> {
        let mut pop = Pop::try_connect(self.port)?;
        for command in [format!("USER {}", self.user), format!("PASS {}", self.password)] {
            let reply = pop.ask(&command)?;
            if !reply.starts_with("+OK") {
                return Err(io::Error::other(reply));
            }
        }
        Ok(pop)
    }
}

/// One connection.
pub(crate) struct Pop {
    line: BufReader<TcpStream>,
    greeting: String,
}

impl Pop {
    /// Connects and reads the greeting, which must be +OK.
    pub(crate) fn connect(port: u16) -> Self {
        let pop = Self::try_connect(port).expect("a connection");
        assert!(pop.greeting.starts_with("+OK"), "greeting: {}", pop.greeting);
        pop
    }

    /// Connects and reads the greeting, whatever it is.
    pub(crate) fn try_connect(port: u16) -> io::Result<Self> {
        Self::over(TcpStream::connect(("127.0.0.1", port))?)
    }

    /// Reads the greeting of a connection that was made already, whatever it is.
    pub(crate) fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut pop = Self { line: BufReader::new(stream), greeting: String::new() };
        pop.greeting = pop.reply()?;
        Ok(pop)
    }

    pub(crate) fn greeting(&self) -> &str {
        &self.greeting
    }

    /// The connection itself, for what no well-behaved client does.
    pub(crate) fn stream(&self) -> &TcpStream {
        self.line.get_ref()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.get_mut().write_all(bytes)
    }

    /// Reads one line without its CRLF. The line must end in CRLF; the end of the stream is an error.
    pub(crate) fn reply(&mut self) -> io::Result<String> {
        let line = self.raw_line()?;
        let text = line.strip_suffix(b"\r\n").expect("a reply that ends in CRLF");
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// One command, one line back.
    pub(crate) fn ask(&mut self, command: &str) -> io::Result<String> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// A command that must succeed: what follows `+OK`.
    pub(crate) fn ok(&mut self, command: &str) -> String {
        let reply = self.ask(command).unwrap_or_else(|e| panic!("{command}: {e}"));
        reply.strip_prefix("+OK").unwrap_or_else(|| panic!("{command}: {reply}")).trim_start().to_owned()
    }

    /// A command that must be refused: what follows `-ERR`.
    pub(crate) fn err(&mut self, command: &str) -> String {
        let reply = self.ask(command).unwrap_or_else(|e| panic!("{command}: {e}"));
        reply.strip_prefix("-ERR").unwrap_or_else(|| panic!("{command}: {reply}")).trim_start().to_owned()
    }

    /// A command with a multi-line answer: the lines with their CRLF, dot-stuffing undone.
    pub(crate) fn body(&mut self, command: &str) -> Vec<u8> {
        self.ok(command);
        let mut body = Vec::new();
        loop {
            let line = self.raw_line().unwrap_or_else(|e| panic!("{command}: {e}"));
            match line.strip_prefix(b".") {
                Some(b"\r\n") => return body,
                Some(rest) => body.extend_from_slice(rest),
                None => body.extend_from_slice(&line),
            }
        }
    }

    /// A multi-line answer of text.
    pub(crate) fn lines(&mut self, command: &str) -> Vec<String> {
        let body = String::from_utf8(self.body(command)).expect("ASCII");
        body.lines().map(str::to_owned).collect()
    }

    /// The maildrop's messages and octets, as STAT counts them.
    pub(crate) fn stat(&mut self) -> (usize, usize) {
        let reply = self.ok("STAT");
        let mut numbers = reply.split(' ').map(|n| n.parse().expect("a number in STAT"));
        (numbers.next().expect("messages"), numbers.next().expect("octets"))
    }

    /// The octets of every message, as LIST counts them; its numbers must be 1, 2, 3...
    pub(crate) fn list(&mut self) -> Vec<usize> {
        self.numbered("LIST").iter().map(|octets| octets.parse().expect("a size in LIST")).collect()
    }

    /// The unique id of every message.
    pub(crate) fn uidl(&mut self) -> Vec<String> {
        self.numbered("UIDL")
    }

    /// Every message, in order.
    pub(crate) fn retrieve_all(&mut self) -> Vec<Vec<u8>> {
        let (count, _) = self.stat();
        (1..=count).map(|n| self.body(&format!("RETR {n}"))).collect()
    }

    pub(crate) fn quit(mut self) {
        self.ok("QUIT");
        assert_eq!(self.rest(), b"", "nothing follows the reply to QUIT");
    }

    /// Everything until the server closes the line. A reset counts as closed.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.line.read_to_end(&mut rest) {
            Err(e) if e.kind() != io::ErrorKind::ConnectionReset => panic!("the line is still open: {e}"),
            _ => rest,
        }
    }

    fn numbered(&mut self, command: &str) -> Vec<String> {
        let lines = self.lines(command);
        let numbered = lines.iter().enumerate().map(|(i, line)| {
            let value = line.strip_prefix(&format!("{} ", i + 1));
            value.unwrap_or_else(|| panic!("{command}, line {}: {line}", i + 1)).to_owned()
        });
        numbered.collect()
    }

    fn raw_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        if self.line.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line)
    }
}
