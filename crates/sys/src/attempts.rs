//! What an attacker would try in a process that was taken over. For tests of [`crate::sandbox`] only.
//!
//! An attempt that succeeds does no harm. One that is denied returns the error of the kernel.

use std::ffi::CStr;
use std::io;

use rustix::process::Pid;

use crate::process::ProcessEnd;

/// Calls `body` in a child process with one thread and waits for its end; the result of `body` is its exit
/// status.
///
/// A test has more threads. The caller ensures that the others do nothing meanwhile: locks that they hold
/// would stay locked in the child.
///
/// # Errors
///
/// What fork(2) or waitpid(2) says.
pub fn in_one_thread(body: impl FnOnce() -> i32) -> io::Result<ProcessEnd> {
    // SAFETY: the child is a copy of this thread only. glibc keeps the allocator usable in it (malloc(3),
    // fork(2)), and no other lock is held, as the caller promises.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
            crate::process::exit_now(status.unwrap_or(101))
        }
        pid => {
            let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork(2) returned no process id"))?;
            crate::process::await_end(pid)
        }
    }
}

/// Runs the program `/bin/true` in place of this one (execve(2)).
///
/// # Errors
///
/// What execve(2) says. Without one this does not return.
pub fn run_a_program() -> io::Result<()> {
    let program = c"/bin/true".as_ptr();
    let (arguments, environment) = ([program, std::ptr::null()], [std::ptr::null()]);
    // SAFETY: the texts are NUL-terminated, the lists end with a null pointer, and all of them live for the
    // call.
    unsafe { libc::execve(program, arguments.as_ptr(), environment.as_ptr()) };
    Err(io::Error::last_os_error())
}

/// Starts another process, which ends at once (fork(2)).
///
/// # Errors
///
/// What fork(2) says.
pub fn start_a_process() -> io::Result<()> {
    // SAFETY: the child only exits, which is allowed even if other threads are lost.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => crate::process::exit_now(0),
        _ => Ok(()),
    }
}

/// Asks for memory that is writable and executable (mmap(2)).
///
/// # Errors
///
/// What mmap(2) says.
pub fn have_executable_memory() -> io::Result<()> {
    let (rights, flags) =
        (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: the kernel chooses the address, so no memory of ours is replaced.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), 4096, rights, flags, -1, 0) };
    if start == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Becomes the user with uid 1 (setuid(2)).
///
/// # Errors
///
/// What setuid(2) says.
pub fn become_somebody() -> io::Result<()> {
    // SAFETY: a plain number.
    outcome(unsafe { libc::syscall(libc::SYS_setuid, 1) })
}

/// Follows another process as a debugger does (ptrace(2), `PTRACE_SEIZE`).
///
/// # Errors
///
/// What ptrace(2) says.
pub fn trace(pid: Pid) -> io::Result<()> {
    let pid = pid.as_raw_nonzero().get();
    // SAFETY: this request takes no memory of ours.
    outcome(unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_SEIZE, pid, 0, 0) })
}

/// Reads zero octets of the memory of another process, with all the checks of a real read
/// (process_vm_readv(2)).
///
/// # Errors
///
/// What process_vm_readv(2) says.
pub fn read_memory(pid: Pid) -> io::Result<()> {
    let mut octet = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut octet).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
    let pid = pid.as_raw_nonzero().get();
    // SAFETY: both vectors live for the call; at most the one octet that `local` names is written.
    let done = unsafe {
        libc::syscall(libc::SYS_process_vm_readv, pid, &raw const local, 1, &raw const remote, 1, 0)
    };
    outcome(done)
}

/// Mounts a file system on a folder that does not exist (mount(2)).
///
/// # Errors
///
/// What mount(2) says: `ENOENT` if the process may mount.
pub fn mount() -> io::Result<()> {
    let (none, nowhere, kind): (&CStr, &CStr, &CStr) = (c"none", c"/nonexistent/folder", c"tmpfs");
    // SAFETY: the texts are NUL-terminated; this kind of file system takes no data.
    let done =
        unsafe { libc::syscall(libc::SYS_mount, none.as_ptr(), nowhere.as_ptr(), kind.as_ptr(), 0, 0) };
    outcome(done)
}

/// Has the kernel load something that is not a module (init_module(2)).
///
/// # Errors
///
/// What init_module(2) says: `ENOEXEC` if the process may load modules.
pub fn load_a_module() -> io::Result<()> {
    let (module, parameters) = ([0_u8; 64], c"");
    // SAFETY: the memory of the module has the given length, and the parameters are NUL-terminated.
    outcome(unsafe {
        libc::syscall(libc::SYS_init_module, module.as_ptr(), module.len(), parameters.as_ptr())
    })
}

/// Has the kernel load something that is not a BPF program (bpf(2)).
///
/// # Errors
///
/// What bpf(2) says: `EINVAL` if the process may load programs.
pub fn program_the_kernel() -> io::Result<()> {
    /// `BPF_PROG_LOAD`
    const LOAD: libc::c_int = 5;
    let attributes = [0_u8; 64];
    // SAFETY: the attributes have the given length.
    outcome(unsafe { libc::syscall(libc::SYS_bpf, LOAD, attributes.as_ptr(), attributes.len()) })
}

fn outcome(done: libc::c_long) -> io::Result<()> {
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
