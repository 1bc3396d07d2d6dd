//! The client of the tests.

use std::io::{self, ErrorKind};
use std::net::TcpStream;

use pop3::MultilineDecoder;

use super::connection::Pop3Connection;

/// A session with a server under test. Where a reply breaks the protocol or is not the one that the test
/// expects, the methods panic: that is how a test fails.
pub struct Pop3Client {
    connection: Pop3Connection,
    greeting: String,
}

impl Pop3Client {
    /// Connects to a port of 127.0.0.1 and reads the greeting.
    ///
    /// # Panics
    ///
    /// There is no connection, or the greeting is not +OK.
    pub fn connect(port: u16) -> Self {
        let client = Self::try_connect(port).expect("a connection");
        assert!(client.greeting.starts_with("+OK"), "greeting: {}", client.greeting);
        client
    }

    /// Connects to a port of 127.0.0.1 and reads the greeting, whatever it is.
    ///
    /// # Errors
    ///
    /// As those of [`reply`](Self::reply), and of connecting.
    pub fn try_connect(port: u16) -> io::Result<Self> {
        Self::over(TcpStream::connect(("127.0.0.1", port))?)
    }

    /// Reads the greeting of a connection that exists already, whatever it is.
    ///
    /// # Errors
    ///
    /// As those of [`reply`](Self::reply).
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        let connection = Pop3Connection::over(stream)?;
        let mut client = Self { connection, greeting: String::new() };
        client.greeting = client.reply()?;
        Ok(client)
    }

    /// The greeting, without its CRLF.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// The socket, for what no well-behaved client does.
    pub fn stream(&self) -> &TcpStream {
        self.connection.socket()
    }

    /// Sends octets as they are.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.connection.send(octets)
    }

    /// Reads one line and takes its CRLF off.
    ///
    /// # Errors
    ///
    /// The system's; [`ErrorKind::UnexpectedEof`] when the server has closed the connection.
    ///
    /// # Panics
    ///
    /// The line does not end in CRLF.
    pub fn reply(&mut self) -> io::Result<String> {
        let line = self.raw_line()?;
        let text = line.strip_suffix(b"\r\n").expect("a reply that ends in CRLF");
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// Sends a command and reads one line.
    ///
    /// # Errors
    ///
    /// As those of [`send`](Self::send) and [`reply`](Self::reply).
    pub fn ask(&mut self, command: &str) -> io::Result<String> {
        self.send(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends a command that must succeed: the text after `+OK`.
    ///
    /// # Panics
    ///
    /// It fails.
    pub fn ok(&mut self, command: &str) -> String {
        self.expect(command, "+OK")
    }

    /// Sends a command that must be refused: the text after `-ERR`.
    ///
    /// # Panics
    ///
    /// It succeeds, or there is no reply.
    pub fn err(&mut self, command: &str) -> String {
        self.expect(command, "-ERR")
    }

    /// Sends a command with a multi-line reply: its body, lines with their CRLF, dot-stuffing undone.
    ///
    /// # Panics
    ///
    /// The command fails, or the body breaks off or ends with another line than a dot and CRLF.
    pub fn body(&mut self, command: &str) -> Vec<u8> {
        self.ok(command);
        let (mut decoder, mut body) = (MultilineDecoder::default(), Vec::new());
        loop {
            let line = self.raw_line().unwrap_or_else(|e| panic!("{command}: {e}"));
            if decoder.decode(&line, |run| body.extend_from_slice(run)).ended {
                assert_eq!(line, b".\r\n", "{command}: the terminator");
                return body;
            }
        }
    }

    /// Sends a command whose multi-line reply is text: its lines.
    ///
    /// # Panics
    ///
    /// As [`body`](Self::body), and when the body is not UTF-8.
    pub fn lines(&mut self, command: &str) -> Vec<String> {
        let body = String::from_utf8(self.body(command)).expect("ASCII");
        body.lines().map(str::to_owned).collect()
    }

    /// The number of messages and the octets of all, from STAT.
    ///
    /// # Panics
    ///
    /// STAT fails, or its reply is not two numbers.
    pub fn stat(&mut self) -> (usize, usize) {
        let reply = self.ok("STAT");
        let mut numbers = reply.split(' ').map(|n| n.parse().expect("a number in STAT"));
        (numbers.next().expect("messages"), numbers.next().expect("octets"))
    }

    /// The octets of every message, from LIST.
    ///
    /// # Panics
    ///
    /// LIST fails, or its messages are not numbered 1, 2, 3...
    pub fn list(&mut self) -> Vec<usize> {
        self.numbered("LIST").iter().map(|octets| octets.parse().expect("a size in LIST")).collect()
    }

    /// The unique id of every message, from UIDL.
    ///
    /// # Panics
    ///
    /// UIDL fails, or its messages are not numbered 1, 2, 3...
    pub fn uidl(&mut self) -> Vec<String> {
        self.numbered("UIDL")
    }

    /// Every message, in order.
    ///
    /// # Panics
    ///
    /// STAT or a RETR fails.
    pub fn retrieve_all(&mut self) -> Vec<Vec<u8>> {
        let (count, _) = self.stat();
        (1..=count).map(|n| self.body(&format!("RETR {n}"))).collect()
    }

    /// Ends the session.
    ///
    /// # Panics
    ///
    /// QUIT fails, or something follows its reply.
    pub fn quit(mut self) {
        self.ok("QUIT");
        assert_eq!(self.rest(), b"", "nothing follows the reply to QUIT");
    }

    /// Reads until the server closes the connection. A reset counts as closing.
    ///
    /// # Panics
    ///
    /// The connection stays open.
    pub fn rest(&mut self) -> Vec<u8> {
        self.connection.rest().unwrap_or_else(|e| panic!("the connection is still open: {e}"))
    }

    fn expect(&mut self, command: &str, status: &str) -> String {
        let reply = self.ask(command).unwrap_or_else(|e| panic!("{command}: {e}"));
        reply.strip_prefix(status).unwrap_or_else(|| panic!("{command}: {reply}")).trim_start().to_owned()
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
        let line = self.connection.line()?;
        if line.is_empty() { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(line) }
    }
}
