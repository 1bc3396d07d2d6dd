//! Binds the control socket, for its owner alone from the moment it exists.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::SettingError;

/// Clients that wait to be accepted.
const BACKLOG: i32 = 16;

/// The socket that mpopdctl connects to.
pub(crate) struct ControlSocket {
    pub(crate) socket: OwnedFd,
    path: PathBuf,
    /// Device and inode of the file.
    file: (u64, u64),
    /// Whether another process serves it, too, and removes it.
    shared: bool,
}

impl ControlSocket {
    /// Binds it. Replaces the file of a dead daemon, but not the socket of a living one.
    ///
    /// # Errors
    ///
    /// The problem, and how to fix it.
    pub(crate) fn bind(path: &Path) -> Result<Self, SettingError> {
        bind(path).map_err(|error| {
            let advice = match error.kind() {
                io::ErrorKind::AddrInUse => "; another mpopd serves it",
                io::ErrorKind::PermissionDenied => "; set it to a path that this user may write",
                _ => "",
            };
            SettingError::at("control_socket", path, format!("{error}{advice}"))
        })
    }

    /// A socket that another process has bound to this path and shares.
    ///
    /// # Errors
    ///
    /// There is no such file.
    pub(crate) fn inherited(path: &Path, socket: OwnedFd) -> Result<Self, SettingError> {
        let file = identity(path).map_err(|error| SettingError::at("control_socket", path, error))?;
        Ok(Self { socket, path: path.to_owned(), file, shared: true })
    }

    /// From now on this process alone serves it.
    pub(crate) fn take_over(&mut self) {
        self.shared = false;
    }

    /// Removes the file, unless it belongs to another daemon.
    pub(crate) fn remove(&self) {
        if !self.shared && identity(&self.path).is_ok_and(|file| file == self.file) {
            // If it cannot be removed, the next daemon replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn bind(path: &Path) -> io::Result<ControlSocket> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    if is_served(path)? {
        return Err(Errno::ADDRINUSE.into());
    }
    // Bound under another name first: so there is always a socket, and it always listens.
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let socket = seqpacket()?;
    remove_socket(&new)?;
    // The file gets the mode that the socket already has (unix_bind_bsd() in Linux): others cannot connect at
    // any moment, and the process's umask stays as it is.
    rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(&new)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    let file = identity(&new)?;
    std::fs::rename(&new, path)?;
    Ok(ControlSocket { socket, path: path.to_owned(), file, shared: false })
}

/// Whether a living daemon listens there. Anything but a socket there is an error and never removed.
fn is_served(path: &Path) -> io::Result<bool> {
    match rustix::net::connect(seqpacket()?, &SocketAddrUnix::new(path)?) {
        // Its queue of clients may be full: it lives.
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(Errno::CONNREFUSED) if is_socket(path)? => Ok(false),
        Err(Errno::CONNREFUSED) => Err(io::Error::other("there is a file that is no socket; move it away")),
        Err(errno) => Err(errno.into()),
    }
}

fn seqpacket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

fn is_socket(path: &Path) -> io::Result<bool> {
    Ok(std::fs::symlink_metadata(path)?.file_type().is_socket())
}

/// Removes the file of a daemon with the same pid that was killed between two steps of [`bind`].
fn remove_socket(path: &Path) -> io::Result<()> {
    match is_socket(path) {
        Ok(true) => std::fs::remove_file(path),
        // Binding will report what is wrong.
        Ok(false) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let about = std::fs::symlink_metadata(path)?;
    Ok((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_and_a_dead_one_is_replaced_but_no_living_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run/control");
        let first = ControlSocket::bind(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let failure = ControlSocket::bind(&path).err().unwrap().to_string();
        assert!(failure.contains("another mpopd serves it"), "{failure}");
        drop(first); // it leaves its file behind, as one that is killed
        let second = ControlSocket::bind(&path).unwrap();
        let entries: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        second.remove();
        assert!(!path.exists());
    }

    #[test]
    fn only_its_own_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        let first = ControlSocket::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = ControlSocket::bind(&path).unwrap();
        first.remove();
        assert!(path.exists());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control");
        std::fs::write(&path, "mine").unwrap();
        let failure = ControlSocket::bind(&path).err().unwrap().to_string();
        assert!(failure.contains("no socket"), "{failure}");
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
        let long = folder.path().join("x".repeat(120));
        assert!(ControlSocket::bind(&long).err().unwrap().to_string().contains("control_socket /"));
    }
}
