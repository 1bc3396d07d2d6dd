//! Users and groups: looking them up, and becoming one of them for good.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// An entry of the user database (passwd(5)), without its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemUser {
    /// The login name in the spelling of the database.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The id of the primary group.
    pub gid: u32,
    /// The home directory.
    pub home: PathBuf,
}

/// Whether this process may change to any user (its effective uid is 0).
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Looks a user up by name in the system's name service (getpwnam_r(3)); `None` if there is no such user.
///
/// # Errors
///
/// The name service fails.
pub fn user_by_name(name: &str) -> io::Result<Option<SystemUser>> {
    by_name(name, |entry| entry.user())
}

/// The password field of a user's entry in passwd(5): usually `x`, which means that shadow(5) has the
/// password. `None` if there is no such user.
///
/// # Errors
///
/// The name service fails.
pub fn password_field(name: &str) -> io::Result<Option<Vec<u8>>> {
    by_name(name, |entry| entry.password.to_bytes().to_vec())
}

/// Looks a user up by uid (getpwuid_r(3)); `None` if there is no such user.
///
/// # Errors
///
/// The name service fails.
pub fn user_by_uid(uid: u32) -> io::Result<Option<SystemUser>> {
    let ask = |entry, buffer, length, found| {
        // SAFETY: `lookup` guarantees that the pointers are valid.
        unsafe { libc::getpwuid_r(uid, entry, buffer, length, found) }
    };
    lookup(ask, |entry| entry.user())
}

fn by_name<T>(name: &str, read: impl Fn(PasswdEntry<'_>) -> T) -> io::Result<Option<T>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let ask = |entry, buffer, length, found| {
        // SAFETY: `name` is NUL-terminated and outlives the call. `lookup` guarantees that the other pointers
        // are valid.
        unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer, length, found) }
    };
    lookup(ask, read)
}

/// The entry that a lookup found, before it is copied.
struct PasswdEntry<'a> {
    name: &'a CStr,
    password: &'a CStr,
    uid: u32,
    gid: u32,
    home: &'a CStr,
}

impl PasswdEntry<'_> {
    fn user(self) -> SystemUser {
        SystemUser {
            name: self.name.to_string_lossy().into_owned(),
            uid: self.uid,
            gid: self.gid,
            home: PathBuf::from(OsStr::from_bytes(self.home.to_bytes())),
        }
    }
}

fn lookup<T>(
    ask: impl Fn(*mut libc::passwd, *mut libc::c_char, usize, *mut *mut libc::passwd) -> libc::c_int,
    read: impl Fn(PasswdEntry<'_>) -> T,
) -> io::Result<Option<T>> {
    /// No sane entry is larger; the lookup doubles its buffer up to here.
    const MOST: usize = 1 << 20;
    let mut buffer: Vec<libc::c_char> = vec![0; 1024];
    loop {
        // SAFETY: passwd is a plain C struct of integers and pointers, for which all-zero is valid.
        let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
        let mut found: *mut libc::passwd = std::ptr::null_mut();
        match ask(&mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found) {
            0 if found.is_null() => return Ok(None),
            0 => {
                // SAFETY: on success the strings of `entry` are NUL-terminated and lie in `buffer`
                // (getpwnam_r(3)), which lives until `read` has copied them.
                let (name, password, home) = unsafe {
                    (
                        CStr::from_ptr(entry.pw_name),
                        CStr::from_ptr(entry.pw_passwd),
                        CStr::from_ptr(entry.pw_dir),
                    )
                };
                let entry = PasswdEntry { name, password, uid: entry.pw_uid, gid: entry.pw_gid, home };
                return Ok(Some(read(entry)));
            }
            libc::EINTR => {}
            libc::ERANGE if buffer.len() < MOST => buffer.resize(buffer.len() * 2, 0),
            // Some name services report "no such user" this way (getpwnam(3), section Errors).
            libc::ENOENT | libc::ESRCH => return Ok(None),
            errno => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Becomes the given user and group for good: real, effective and saved ids, no supplementary groups.
/// Capabilities are lost with uid 0. The process must have one thread.
///
/// If `file_group` is given it becomes the saved group id, and [`crate::group::with_file_group`] can use it
/// for a moment.
///
/// # Errors
///
/// `EPERM` unless root, and for uid 0. After an error the process must exit: it may have changed in part.
pub fn become_user(uid: u32, gid: u32, file_group: Option<u32>) -> io::Result<()> {
    if uid == 0 {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    // SAFETY: these calls take numbers, and setgroups with length 0 does not read its pointer.
    let changed = unsafe {
        libc::setgroups(0, std::ptr::null()) == 0
            && libc::setresgid(gid, gid, file_group.unwrap_or(gid)) == 0
            && libc::setresuid(uid, uid, uid) == 0
    };
    if !changed {
        return Err(io::Error::last_os_error());
    }
    // Make sure that there is no way back.
    // SAFETY: the call takes a number.
    if unsafe { libc::setuid(0) } == 0 {
        return Err(io::Error::other("root could be regained after changing the user"));
    }
    Ok(())
}

/// Makes a directory the root of this process (chroot(2)) and its working directory.
///
/// # Errors
///
/// What chroot(2) or chdir(2) says of `directory`.
pub fn enter_chroot(directory: &Path) -> io::Result<()> {
    rustix::process::chroot(directory)?;
    Ok(rustix::process::chdir("/")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_name_and_by_uid() {
        let root = user_by_name("root").unwrap().expect("every machine has root");
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(user_by_uid(0).unwrap().map(|user| user.uid), Some(0));
        assert_eq!(password_field("root").unwrap().as_deref(), Some(&b"x"[..]), "root has a shadow entry");
    }

    #[test]
    fn names_that_cannot_exist_are_not_found() {
        for name in ["", "no such user", "nul\0inside"] {
            assert_eq!(user_by_name(name).unwrap(), None, "{name:?}");
        }
    }

    #[test]
    fn becoming_root_is_refused() {
        assert_eq!(become_user(0, 0, None).unwrap_err().raw_os_error(), Some(libc::EPERM));
    }
}
