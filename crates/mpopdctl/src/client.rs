//! A connection to the daemon's control socket.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc::control::{ControlReply, ControlRequest, ReloadKind, ReloadOutcome};
use ipc::report::{self, ConnectionInfo};
use ipc::wire::{self, Wait};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::failure::Failure;

/// How long the daemon may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to read its configuration again, lists of users with it, and to start what works by it.
const PATIENCE_FOR_VERDICT: Duration = Duration::from_secs(180);

pub(crate) struct Client {
    channel: OwnedFd,
    path: PathBuf,
}

impl Client {
    /// Connects to the daemon whose control socket this is.
    ///
    /// # Errors
    ///
    /// There is none, or it is not for us.
    pub(crate) fn connect(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let channel = connect(path).map_err(|errno| match errno {
            Errno::NOENT | Errno::CONNREFUSED => {
                format!("mpopd is not running: nobody answers at {shown}; mpopdctl start starts it")
            }
            Errno::ACCESS | Errno::PERM => format!("{shown}: {errno}; run this as root"),
            errno => format!("{shown}: {errno}"),
        })?;
        let unknown = |errno: Errno| format!("{shown}: {errno}");
        let server = sockopt::socket_peercred(&channel).map_err(unknown)?.uid;
        if !server.is_root() && server != rustix::process::geteuid() {
            return Err(format!("{shown}: it is served by uid {}, not by mpopd", server.as_raw()).into());
        }
        for timeout in [Timeout::Recv, Timeout::Send] {
            sockopt::set_socket_timeout(&channel, timeout, Some(PATIENCE)).map_err(unknown)?;
        }
        Ok(Self { channel, path: path.to_owned() })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    ///
    /// The daemon refuses, or is gone or silent.
    pub(crate) fn ask(&self, request: &ControlRequest) -> Result<ControlReply, Failure> {
        self.ask_for(request).map(|(answer, _)| answer)
    }

    /// All connections there are.
    ///
    /// # Errors
    ///
    /// As for [`Client::ask`].
    pub(crate) fn visitors(&self) -> Result<Vec<ConnectionInfo>, Failure> {
        let mut visitors = Vec::new();
        let mut said = self.ask_for(&ControlRequest::Who)?;
        loop {
            match said {
                (ControlReply::Connections(packed), memory) => {
                    let octets = packed.unpack(memory, report::MOST_OCTETS);
                    let some = octets.and_then(|octets| report::unpack(&octets));
                    visitors.extend(some.map_err(|error| self.failed(&error))?);
                }
                (ControlReply::NoMoreConnections, _) => break,
                _ => return Err(self.confused()),
            }
            said = self.hear(PATIENCE)?;
        }
        visitors.sort_unstable_by_key(|visitor| visitor.session);
        Ok(visitors)
    }

    /// Asks to be told of the next re-reading, has it begun by `begin`, and waits for what becomes of it.
    ///
    /// # Errors
    ///
    /// As for [`Client::ask`], and what `begin` says.
    pub(crate) fn verdict(
        &self,
        kind: ReloadKind,
        begin: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<ReloadOutcome, Failure> {
        match self.ask(&ControlRequest::Await(kind))? {
            ControlReply::Awaiting => {}
            _ => return Err(self.confused()),
        }
        // From here on the daemon tells us, however fast it is.
        begin()?;
        sockopt::set_socket_timeout(&self.channel, Timeout::Recv, Some(PATIENCE_FOR_VERDICT))
            .map_err(|errno| self.failed(&errno))?;
        match self.hear(PATIENCE_FOR_VERDICT)? {
            (ControlReply::Reread(verdict), _) => Ok(verdict),
            _ => Err(self.confused()),
        }
    }

    /// The daemon answered something else than it was asked for.
    pub(crate) fn confused(&self) -> Failure {
        self.failed(&"an answer to another question; mpopd and mpopdctl are of different versions")
    }

    fn ask_for(&self, request: &ControlRequest) -> Result<(ControlReply, Option<OwnedFd>), Failure> {
        ipc::send(&self.channel, request, &[], Wait::Forever).map_err(|error| self.failed(&error))?;
        self.hear(PATIENCE)
    }

    fn hear(&self, patience: Duration) -> Result<(ControlReply, Option<OwnedFd>), Failure> {
        let mut buffer = vec![0; wire::MOST_OCTETS];
        match ipc::receive(&self.channel, &mut buffer, Wait::Forever) {
            Ok(Some((ControlReply::Refused(why), _))) => Err(why.into()),
            Ok(Some((answer, descriptors))) => Ok((answer, descriptors.into_iter().next())),
            Ok(None) => Err(self.failed(&"mpopd hung up; perhaps it is being stopped")),
            Err(error) if error.would_block() => {
                Err(self.failed(&format!("no answer within {} s", patience.as_secs())))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, what: &dyn std::fmt::Display) -> Failure {
        Failure::Other(format!("{}: {what}", self.path.display()))
    }
}

fn connect(path: &Path) -> Result<OwnedFd, Errno> {
    let address = SocketAddrUnix::new(path)?;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    rustix::io::retry_on_intr(|| rustix::net::connect(&socket, &address))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_answers_mpopd_is_not_running() {
        let folder = tempfile::tempdir().unwrap();
        let said = |path: &Path| Client::connect(path).err().unwrap().to_string();
        let path = folder.path().join("control");
        assert!(said(&path).contains("mpopd is not running"), "{}", said(&path));
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(said(&path).contains(&path.display().to_string()), "another kind of socket");
    }
}
