//! A connection to the control socket of the daemon.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipc::control::{ControlReply, ControlRequest, ReloadKind, ReloadOutcome};
use ipc::report::{self, ConnectionInfo};
use ipc::wire::{self, Wait};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::CtlError;

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take to reload its configuration and user lists and to start new processes.
const PATIENCE_FOR_RELOAD: Duration = Duration::from_secs(180);

pub(crate) struct DaemonClient {
    channel: OwnedFd,
    path: PathBuf,
}

impl DaemonClient {
    /// Connects to the daemon with this control socket.
    ///
    /// # Errors
    ///
    /// It is not running, or this user may not connect.
    pub(crate) fn connect(path: &Path) -> Result<Self, CtlError> {
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

    /// Sends a request and waits for the reply.
    ///
    /// # Errors
    ///
    /// The daemon refuses, is gone, or does not answer.
    pub(crate) fn ask(&self, request: &ControlRequest) -> Result<ControlReply, CtlError> {
        self.ask_for(request).map(|(answer, _)| answer)
    }

    /// All connections of the daemon.
    ///
    /// # Errors
    ///
    /// As for [`DaemonClient::ask`].
    pub(crate) fn connections(&self) -> Result<Vec<ConnectionInfo>, CtlError> {
        let mut connections = Vec::new();
        let mut reply = self.ask_for(&ControlRequest::Who)?;
        loop {
            match reply {
                (ControlReply::Connections(packed), memory) => {
                    let octets = packed.unpack(memory, report::MOST_OCTETS);
                    let some = octets.and_then(|octets| report::unpack(&octets));
                    connections.extend(some.map_err(|error| self.failed(&error))?);
                }
                (ControlReply::NoMoreConnections, _) => break,
                _ => return Err(self.unexpected_reply()),
            }
            reply = self.receive(PATIENCE)?;
        }
        connections.sort_unstable_by_key(|connection| connection.session);
        Ok(connections)
    }

    /// Registers for the next reload, triggers it with `begin`, and waits for its result.
    ///
    /// # Errors
    ///
    /// As for [`DaemonClient::ask`], and those of `begin`.
    pub(crate) fn await_reload(
        &self,
        kind: ReloadKind,
        begin: impl FnOnce() -> Result<(), CtlError>,
    ) -> Result<ReloadOutcome, CtlError> {
        match self.ask(&ControlRequest::Await(kind))? {
            ControlReply::Awaiting => {}
            _ => return Err(self.unexpected_reply()),
        }
        // The daemon will report the reload even if it is done at once.
        begin()?;
        sockopt::set_socket_timeout(&self.channel, Timeout::Recv, Some(PATIENCE_FOR_RELOAD))
            .map_err(|errno| self.failed(&errno))?;
        match self.receive(PATIENCE_FOR_RELOAD)? {
            (ControlReply::Reread(verdict), _) => Ok(verdict),
            _ => Err(self.unexpected_reply()),
        }
    }

    /// The error for a reply that does not fit the request.
    pub(crate) fn unexpected_reply(&self) -> CtlError {
        self.failed(&"an answer to another question; mpopd and mpopdctl are of different versions")
    }

    fn ask_for(&self, request: &ControlRequest) -> Result<(ControlReply, Option<OwnedFd>), CtlError> {
        ipc::send(&self.channel, request, &[], Wait::Forever).map_err(|error| self.failed(&error))?;
        self.receive(PATIENCE)
    }

    fn receive(&self, patience: Duration) -> Result<(ControlReply, Option<OwnedFd>), CtlError> {
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

    fn failed(&self, what: &dyn std::fmt::Display) -> CtlError {
        CtlError::Other(format!("{}: {what}", self.path.display()))
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
        let said = |path: &Path| DaemonClient::connect(path).err().unwrap().to_string();
        let path = folder.path().join("control");
        assert!(said(&path).contains("mpopd is not running"), "{}", said(&path));
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(said(&path).contains(&path.display().to_string()), "another kind of socket");
    }
}
