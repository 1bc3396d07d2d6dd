//! Where and as whom to log in.

use std::io;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use super::client::Pop3Client;
use super::connection::PATIENCE;

/// A user of a server under test.
#[derive(Clone, Debug)]
pub struct TestAccount {
    /// The server's name or address.
    pub host: String,
    /// The server's port.
    pub port: u16,
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl TestAccount {
    /// Begins a session of this account.
    ///
    /// # Panics
    ///
    /// The login fails.
    pub fn login(&self) -> Pop3Client {
        self.try_login().unwrap_or_else(|error| panic!("login of {}: {error}", self.user))
    }

    /// Begins a session once the maildrop is free: a server notices a dropped connection a moment after it
    /// dropped.
    ///
    /// # Panics
    ///
    /// The login still fails after [`PATIENCE`].
    pub fn login_when_free(&self) -> Pop3Client {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.try_login() {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < end, "login of {}: {error}", self.user),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Attempts a login by USER and PASS.
    ///
    /// # Errors
    ///
    /// The system's; or the server's reply, when it is not +OK.
    pub fn try_login(&self) -> io::Result<Pop3Client> {
        let mut client = Pop3Client::over(TcpStream::connect((self.host.as_str(), self.port))?)?;
        for command in [format!("USER {}", self.user), format!("PASS {}", self.password)] {
            let reply = client.ask(&command)?;
            if !reply.starts_with("+OK") {
                return Err(io::Error::other(reply));
            }
        }
        Ok(client)
    }
}
