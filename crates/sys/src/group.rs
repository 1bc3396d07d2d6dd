//! A group for the file accesses of one thread, for a moment (setfsgid(2)).

use std::ffi::CString;
use std::io;

/// The id of a group by its name, from the system's name service (getgrnam_r(3)); `None` if there is no such
/// group.
///
/// # Errors
///
/// The name service fails.
pub fn group_by_name(name: &str) -> io::Result<Option<u32>> {
    /// No sane entry is larger: a group may list thousands of members.
    const MOST: usize = 1 << 22;
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let mut buffer: Vec<libc::c_char> = vec![0; 4096];
    loop {
        // SAFETY: group is a plain C struct of integers and pointers, for which all-zero is valid.
        let mut entry: libc::group = unsafe { std::mem::zeroed() };
        let mut found: *mut libc::group = std::ptr::null_mut();
        // SAFETY: `name` is NUL-terminated, all pointers are valid for the call, and the length is that of
        // the buffer. Only the id of the entry is used, which is no pointer.
        let answer = unsafe {
            libc::getgrnam_r(name.as_ptr(), &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut found)
        };
        match answer {
            0 => return Ok((!found.is_null()).then_some(entry.gr_gid)),
            libc::EINTR => {}
            libc::ERANGE if buffer.len() < MOST => buffer.resize(buffer.len() * 2, 0),
            // Some name services report "no such group" this way (getgrnam(3), section Errors).
            libc::ENOENT | libc::ESRCH => return Ok(None),
            errno => return Err(io::Error::from_raw_os_error(errno)),
        }
    }
}

/// Calls `action` while this thread, and no other, accesses files with the group `gid`.
///
/// The group must be a real, effective or saved group of the process, or the process must be root.
///
/// # Errors
///
/// `EPERM` if it is neither; then `action` is not called.
pub fn with_file_group<T>(gid: u32, action: impl FnOnce() -> T) -> io::Result<T> {
    let signal = rustix::process::parent_process_death_signal()?;
    let before = set_file_group(gid);
    // Also dropped if `action` panics.
    let _back = RestoreGroup { gid: before, signal };
    // The call reports no error. Asking for an impossible group changes nothing and returns the present
    // group.
    if set_file_group(u32::MAX) != gid {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    Ok(action())
}

/// Restores the group of the thread. Also restores the signal at the end of the parent (prctl(2),
/// `PR_SET_PDEATHSIG`), which the kernel clears with every change of a group.
struct RestoreGroup {
    gid: u32,
    signal: Option<rustix::process::Signal>,
}

impl Drop for RestoreGroup {
    fn drop(&mut self) {
        set_file_group(self.gid);
        if self.signal.is_some() {
            // It was set before, so it can be set again.
            let _ = rustix::process::set_parent_process_death_signal(self.signal);
        }
    }
}

/// Returns the previous group.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the kernel returns a gid of 32 bits"
)]
fn set_file_group(gid: u32) -> u32 {
    // SAFETY: the call takes a number and touches no memory. The system call, unlike its wrapper, changes
    // only the calling thread.
    unsafe { libc::syscall(libc::SYS_setfsgid, gid) as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_by_name() {
        assert_eq!(group_by_name("root").unwrap(), Some(0));
        for name in ["", "no such group", "nul\0inside"] {
            assert_eq!(group_by_name(name).unwrap(), None, "{name:?}");
        }
    }

    #[test]
    fn one_thread_has_the_group_and_only_for_the_moment() {
        if !rustix::process::geteuid().is_root() {
            assert!(with_file_group(54_321, || ()).is_err(), "a strange group");
            let own = rustix::process::getegid().as_raw();
            assert_eq!(with_file_group(own, || set_file_group(u32::MAX)).unwrap(), own);
            return;
        }
        let before = set_file_group(u32::MAX);
        let inside = with_file_group(54_321, || {
            let elsewhere = std::thread::spawn(|| set_file_group(u32::MAX)).join().unwrap();
            (set_file_group(u32::MAX), elsewhere)
        });
        // A new thread inherits the group that its parent has at that moment.
        assert_eq!(inside.unwrap().0, 54_321);
        assert_eq!(set_file_group(u32::MAX), before);
        let panicked = std::panic::catch_unwind(|| with_file_group(54_321, || panic!("inside")));
        assert!(panicked.is_err());
        assert_eq!(set_file_group(u32::MAX), before);
    }
}
