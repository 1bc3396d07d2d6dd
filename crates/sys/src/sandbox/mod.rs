//! What a process gives up for good before it serves: system calls (seccomp(2)), and files, ports and signals
//! (landlock(7)).
//!
//! Neither can be undone, and every process that this one starts inherits both. They are applied while a
//! forked process has one thread, so every later thread has them.

mod calls;
mod files;
mod filter;

use std::fmt;

pub use calls::Calls;
pub use files::{Grant, GrantTarget, Rights, confine};
pub use filter::SyscallFilter;

/// Which of these restrictions the kernel supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Support {
    /// Whether it can filter system calls.
    pub calls: bool,
    /// The version of the landlock interface: 1 restricts files, 4 also ports, 6 also signals; 0 for none.
    pub landlock: u32,
}

impl Support {
    /// Whether the kernel supports everything that [`confine`] and [`SyscallFilter`] use.
    pub fn is_full(self) -> bool {
        self.calls && self.landlock >= files::WHOLE
    }

    /// Asks the kernel. A facility that is forbidden to this process counts as missing.
    pub fn of_this_kernel() -> Self {
        let kill = libc::SECCOMP_RET_KILL_PROCESS;
        // SAFETY: seccomp(2) reads one number through the pointer and changes nothing.
        let calls = unsafe {
            libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const kill) == 0
        };
        /// `LANDLOCK_CREATE_RULESET_VERSION`
        const VERSION: u32 = 1;
        // SAFETY: with this flag the call takes no pointer and no size, and creates nothing
        // (landlock_create_ruleset(2)).
        let landlock = unsafe {
            libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0_usize, VERSION)
        };
        Self { calls, landlock: u32::try_from(landlock).unwrap_or(0) }
    }
}

impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = if self.calls { "system calls (seccomp)" } else { "no system calls (no seccomp)" };
        let landlock = match self.landlock {
            0 => "neither files, ports nor signals (no landlock)",
            1..4 => "files, but neither ports nor signals (an old landlock)",
            4..6 => "files and ports, but no signals (an old landlock)",
            6.. => "files, ports and signals (landlock)",
        };
        write!(f, "{calls}; {landlock}")
    }
}
