//! The sockets of syslog and of the systemd journal: one datagram for each line.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon may take to make room for a datagram.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) struct Datagrams {
    path: PathBuf,
    socket: Option<UnixDatagram>,
    waiting: VecDeque<Vec<u8>>,
    /// The octets of `waiting`.
    kept: usize,
}

impl Datagrams {
    /// The socket that syslog(3) sends to.
    pub(crate) const SYSLOG: &'static str = "/dev/log";
    /// The socket that sd_journal_send(3) sends to.
    pub(crate) const JOURNAL: &'static str = "/run/systemd/journal/socket";

    pub(crate) fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_owned(), socket: None, waiting: VecDeque::new(), kept: 0 }
    }

    pub(crate) fn push(&mut self, datagram: Vec<u8>) {
        self.kept += datagram.len();
        self.waiting.push_back(datagram);
    }

    pub(crate) fn kept(&self) -> usize {
        self.kept
    }

    /// Sends what is kept. If the daemon has been restarted, its new socket is used.
    ///
    /// # Errors
    ///
    /// Why the daemon takes nothing. Datagrams that were not sent are kept.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        while let Some(datagram) = self.waiting.front() {
            let had_one = self.socket.is_some();
            let socket = match &self.socket {
                Some(socket) => socket,
                None => self.socket.insert(connect(&self.path)?),
            };
            match socket.send(datagram) {
                Ok(_) => {
                    self.kept -= datagram.len();
                    self.waiting.pop_front();
                }
                // Again with a new socket, but only once.
                Err(_) if had_one => self.socket = None,
                Err(error) => {
                    self.socket = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restarted_daemon_gets_what_its_predecessor_missed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut lines = Datagrams::new(&path);
        lines.push(b"one".to_vec());
        lines.write().unwrap();
        let mut buffer = [0; 16];
        assert_eq!(daemon.recv(&mut buffer).unwrap(), 3);

        drop(daemon);
        std::fs::remove_file(&path).unwrap();
        lines.push(b"two".to_vec());
        assert!(lines.write().is_err());
        assert_eq!(lines.kept(), 3);

        let daemon = UnixDatagram::bind(&path).unwrap();
        lines.write().unwrap();
        assert_eq!((daemon.recv(&mut buffer).unwrap(), lines.kept()), (3, 0));
        assert_eq!(&buffer[..3], b"two");
    }
}
