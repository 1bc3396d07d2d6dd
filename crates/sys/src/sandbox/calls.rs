//! Groups of system calls.
//!
//! glibc, the standard library and tokio choose among equivalent calls by their own version and the kernel's,
//! so a group has all forms of a call. A call in no group fails with `ENOSYS`, and the libraries then use an
//! older form: clone3(2) is left out so that threads start with clone(2), whose flags a filter can see.

use libc::{
    SYS_accept, SYS_accept4, SYS_brk, SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_clone,
    SYS_close, SYS_connect, SYS_copy_file_range, SYS_dup, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait,
    SYS_eventfd2, SYS_exit, SYS_exit_group, SYS_faccessat, SYS_faccessat2, SYS_fadvise64, SYS_fallocate,
    SYS_fchmod, SYS_fchmodat, SYS_fcntl, SYS_fdatasync, SYS_flock, SYS_fstat, SYS_fstatfs, SYS_fsync,
    SYS_ftruncate, SYS_futex, SYS_getcwd, SYS_getdents64, SYS_getegid, SYS_geteuid, SYS_getgid,
    SYS_getpeername, SYS_getpid, SYS_getppid, SYS_getrandom, SYS_getsockname, SYS_getsockopt, SYS_gettid,
    SYS_gettimeofday, SYS_getuid, SYS_ioctl, SYS_kill, SYS_linkat, SYS_lseek, SYS_madvise, SYS_memfd_create,
    SYS_mkdirat, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_munmap, SYS_nanosleep, SYS_newfstatat, SYS_openat,
    SYS_ppoll, SYS_prctl, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_prlimit64, SYS_pwrite64, SYS_pwritev,
    SYS_pwritev2, SYS_read, SYS_readahead, SYS_readlinkat, SYS_readv, SYS_recvfrom, SYS_recvmsg,
    SYS_renameat, SYS_renameat2, SYS_restart_syscall, SYS_rseq, SYS_rt_sigaction, SYS_rt_sigprocmask,
    SYS_rt_sigreturn, SYS_sched_getaffinity, SYS_sched_yield, SYS_sendmsg, SYS_sendto, SYS_set_robust_list,
    SYS_setfsgid, SYS_setsockopt, SYS_shutdown, SYS_sigaltstack, SYS_socket, SYS_socketpair, SYS_statfs,
    SYS_statx, SYS_sync_file_range, SYS_truncate, SYS_uname, SYS_unlinkat, SYS_utimensat, SYS_write,
    SYS_writev, c_long,
};

/// A group of system calls that a process keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// Memory that is not executable, threads, time, random numbers, and operations on open descriptors.
    Basics,
    /// Waiting for many descriptors (epoll(7)), and pairs of sockets.
    Events,
    /// Accepting connections.
    Connections,
    /// Opening, creating, changing and removing files.
    Files,
    /// Taking a group for file accesses for a moment, and asking whether a process is alive. No signal is
    /// sent.
    Group,
    /// Connecting to sockets that have a name in the file system.
    LocalSockets,
}

/// When a rule applies to a call: always, or if a masked argument has a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Always,
    If { argument: u8, mask: u64, value: u64 },
}

pub(super) type Call = (c_long, When);

/// The argument, of 32 bits, is exactly this.
const fn is(argument: u8, value: u64) -> When {
    When::If { argument, mask: u32::MAX as u64, value }
}

/// These bits of an argument are set.
const fn set(argument: u8, bits: u64) -> When {
    When::If { argument, mask: bits, value: bits }
}

/// These bits of an argument are not set.
const fn clear(argument: u8, bits: u64) -> When {
    When::If { argument, mask: bits, value: 0 }
}

impl Calls {
    pub(super) fn list(self) -> Vec<Call> {
        let (always, sometimes): (&[c_long], &[Call]) = match self {
            Self::Basics => (BASICS, BASICS_IF),
            Self::Events => (EVENTS, EVENTS_IF),
            Self::Connections => (&[SYS_accept, SYS_accept4, SYS_getpeername], &[]),
            Self::Files => (FILES, &[]),
            Self::Group => (&[SYS_setfsgid], GROUP_IF),
            Self::LocalSockets => (&[SYS_connect], &[(SYS_socket, is(0, libc::AF_UNIX as u64))]),
        };
        always.iter().map(|number| (*number, When::Always)).chain(sometimes.iter().copied()).collect()
    }
}

const BASICS: &[c_long] = &[
    // memory and threads
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_sigaltstack,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_exit,
    SYS_exit_group,
    SYS_restart_syscall,
    // identity and time
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_uname,
    SYS_clock_gettime,
    SYS_clock_getres,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    // descriptors
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_preadv,
    SYS_preadv2,
    SYS_lseek,
    SYS_close,
    SYS_dup,
    SYS_fcntl,
    SYS_fstat,
    SYS_ppoll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    // sealed memory
    SYS_memfd_create,
    SYS_ftruncate,
    // messages
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_sendto,
    SYS_recvfrom,
    SYS_shutdown,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_setsockopt,
];

/// `FIONBIO` and `FIOCLEX` (ioctl_tty(2) and asm/ioctls.h), the same on all architectures that we know.
const FIONBIO: u64 = 0x5421;
const FIOCLEX: u64 = 0x5451;

const BASICS_IF: &[Call] = &[
    (SYS_clone, set(0, libc::CLONE_THREAD as u64)),
    (SYS_mmap, clear(2, libc::PROT_EXEC as u64)),
    (SYS_mprotect, clear(2, libc::PROT_EXEC as u64)),
    (SYS_prctl, is(0, libc::PR_SET_NAME as u64)),
    // Asking for a limit, not setting one.
    (SYS_prlimit64, When::If { argument: 2, mask: u64::MAX, value: 0 }),
    // Only for descriptors, not for names.
    (SYS_newfstatat, set(3, libc::AT_EMPTY_PATH as u64)),
    (SYS_statx, set(2, libc::AT_EMPTY_PATH as u64)),
    (SYS_ioctl, is(1, FIONBIO)),
    (SYS_ioctl, is(1, FIOCLEX)),
];

const EVENTS: &[c_long] = &[
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_eventfd2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
];

/// tokio wakes itself up through a pair of sockets if it is built with signal support. It is when the whole
/// workspace is built, because of other programs.
const EVENTS_IF: &[Call] = &[(SYS_socketpair, is(0, libc::AF_UNIX as u64))];

const FILES: &[c_long] = &[
    SYS_openat,
    SYS_newfstatat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    SYS_mkdirat,
    SYS_unlinkat,
    SYS_linkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_utimensat,
    SYS_truncate,
    SYS_fallocate,
    SYS_flock,
    SYS_fsync,
    SYS_fdatasync,
    SYS_sync_file_range,
    SYS_fadvise64,
    SYS_readahead,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_pwritev2,
    SYS_copy_file_range,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];

const GROUP_IF: &[Call] = &[
    (SYS_kill, is(1, 0)),
    (SYS_prctl, is(0, libc::PR_SET_PDEATHSIG as u64)),
    (SYS_prctl, is(0, libc::PR_GET_PDEATHSIG as u64)),
    (SYS_prctl, is(0, libc::PR_SET_DUMPABLE as u64)),
];

/// Calls that no library makes on its own. A process that makes one it was not granted has been taken over,
/// and is killed.
pub(super) const HOSTILE: &[Call] = &[
    // other programs, other processes
    (libc::SYS_execve, When::Always),
    (libc::SYS_execveat, When::Always),
    (SYS_clone, clear(0, libc::CLONE_THREAD as u64)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_fork, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_vfork, When::Always),
    (SYS_kill, When::Always),
    (libc::SYS_tkill, When::Always),
    (libc::SYS_rt_sigqueueinfo, When::Always),
    (libc::SYS_pidfd_send_signal, When::Always),
    (libc::SYS_pidfd_getfd, When::Always),
    (libc::SYS_process_vm_readv, When::Always),
    (libc::SYS_process_vm_writev, When::Always),
    // the network
    (SYS_socket, When::Always),
    (SYS_connect, When::Always),
    (libc::SYS_bind, When::Always),
    (libc::SYS_listen, When::Always),
    // other users, other roots
    (libc::SYS_setuid, When::Always),
    (libc::SYS_setgid, When::Always),
    (libc::SYS_setreuid, When::Always),
    (libc::SYS_setregid, When::Always),
    (libc::SYS_setresuid, When::Always),
    (libc::SYS_setresgid, When::Always),
    (libc::SYS_setgroups, When::Always),
    (libc::SYS_setfsuid, When::Always),
    (SYS_setfsgid, When::Always),
    (libc::SYS_capset, When::Always),
    (libc::SYS_chroot, When::Always),
];

/// Calls that change the whole machine or inspect other processes. No server needs them, and no program that
/// it runs.
pub(super) const MACHINE_WIDE: &[Call] = &[
    // other processes
    (libc::SYS_ptrace, When::Always),
    (libc::SYS_process_vm_readv, When::Always),
    (libc::SYS_process_vm_writev, When::Always),
    (libc::SYS_process_madvise, When::Always),
    (libc::SYS_pidfd_getfd, When::Always),
    (libc::SYS_kcmp, When::Always),
    (libc::SYS_perf_event_open, When::Always),
    // the kernel
    (libc::SYS_init_module, When::Always),
    (libc::SYS_finit_module, When::Always),
    (libc::SYS_delete_module, When::Always),
    (libc::SYS_kexec_load, When::Always),
    (libc::SYS_kexec_file_load, When::Always),
    (libc::SYS_bpf, When::Always),
    (libc::SYS_userfaultfd, When::Always),
    (libc::SYS_io_uring_setup, When::Always),
    (libc::SYS_syslog, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_iopl, When::Always),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_ioperm, When::Always),
    // file systems
    (libc::SYS_mount, When::Always),
    (libc::SYS_umount2, When::Always),
    (libc::SYS_pivot_root, When::Always),
    (libc::SYS_open_tree, When::Always),
    (libc::SYS_move_mount, When::Always),
    (libc::SYS_fsopen, When::Always),
    (libc::SYS_fsconfig, When::Always),
    (libc::SYS_fsmount, When::Always),
    (libc::SYS_fspick, When::Always),
    (libc::SYS_mount_setattr, When::Always),
    (libc::SYS_swapon, When::Always),
    (libc::SYS_swapoff, When::Always),
    (libc::SYS_quotactl, When::Always),
    (libc::SYS_open_by_handle_at, When::Always),
    (libc::SYS_fanotify_init, When::Always),
    (libc::SYS_mknodat, is_type(2, libc::S_IFCHR)),
    (libc::SYS_mknodat, is_type(2, libc::S_IFBLK)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, is_type(1, libc::S_IFCHR)),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, is_type(1, libc::S_IFBLK)),
    // the machine
    (libc::SYS_unshare, When::Always),
    (libc::SYS_setns, When::Always),
    (libc::SYS_reboot, When::Always),
    (libc::SYS_acct, When::Always),
    (libc::SYS_sethostname, When::Always),
    (libc::SYS_setdomainname, When::Always),
    (libc::SYS_settimeofday, When::Always),
    (libc::SYS_clock_settime, When::Always),
    (libc::SYS_clock_adjtime, When::Always),
    (libc::SYS_adjtimex, When::Always),
];

/// The mode argument has this type of file (inode(7)).
const fn is_type(argument: u8, kind: libc::mode_t) -> When {
    When::If { argument, mask: libc::S_IFMT as u64, value: kind as u64 }
}
