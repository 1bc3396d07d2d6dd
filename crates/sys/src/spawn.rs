//! Running a program of the administrator and reading its output, within bounds of time and octets.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, io};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::process::ProcessEnd;

/// The most octets of input on descriptor 3: a pipe holds them all, so writing them never blocks.
pub const MOST_INPUT: usize = 65_536;

/// The most octets of standard error that are kept.
const MOST_KEPT_ERRORS: usize = 1024;
/// The most octets that a program may write to standard error.
const MOST_ERRORS: usize = 65_536;

/// What to run, and its bounds.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// The absolute path of the program.
    pub program: &'a Path,
    /// Its arguments, without its own name.
    pub arguments: &'a [&'a OsStr],
    /// Its whole environment.
    pub environment: &'a [(&'a str, &'a OsStr)],
    /// Its input on descriptor 3; at most [`MOST_INPUT`] octets.
    pub input: &'a [u8],
    /// The time after which it is killed.
    pub time: Duration,
    /// The most octets of standard output. If it writes more, it is killed.
    pub most_output: usize,
}

/// The result of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramOutput {
    /// How it ended.
    pub ending: ProcessEnd,
    /// All that it wrote to standard output.
    pub output: Vec<u8>,
    /// The beginning of what it wrote to standard error.
    pub errors: Vec<u8>,
}

/// Runs a program to its end and reads its output.
///
/// The program leads its own process group, in the folder `/`, with `/dev/null` as standard input and no
/// descriptors but 0 to
/// 3. When it exits, or exceeds a bound, the whole group is killed. The program is also killed when this
///    process ends.
///
/// # Errors
///
/// It could not be started, took too long, or wrote too much. No process of its group is left then either.
pub fn run(run: &Run<'_>) -> Result<ProgramOutput, ProgramError> {
    let deadline = Instant::now() + run.time;
    let (input, fill) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(start)?;
    if run.input.len() > MOST_INPUT {
        return Err(ProgramError::Start(io::ErrorKind::ArgumentListTooLong.into()));
    }
    write_all(&fill, run.input).map_err(ProgramError::Start)?;
    drop(fill);

    let mut command = Command::new(run.program);
    command.args(run.arguments).env_clear().envs(run.environment.iter().copied()).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let number = input.as_raw_fd();
    // SAFETY: between fork and exec `only_descriptors_to_3` only makes system calls that take numbers: it
    // neither allocates nor takes a lock. `input` is open until after the spawn.
    unsafe { command.pre_exec(move || only_descriptors_to_3(number)) };
    let mut group = ProcessGroup(command.spawn().map_err(ProgramError::Start)?);
    drop(input);

    let written = group.read(run.most_output, deadline);
    let status = group.end().map_err(ProgramError::Lost);
    let (output, errors) = written?;
    Ok(ProgramOutput { ending: ending(status?), output, errors })
}

/// The program and the processes that it started.
struct ProcessGroup(Child);

impl ProcessGroup {
    /// Reads until the leader exits and there is nothing more to read.
    fn read(&mut self, most_output: usize, deadline: Instant) -> Result<(Vec<u8>, Vec<u8>), ProgramError> {
        let pid = Pid::from_child(&self.0);
        let leader = rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(start)?;
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let mut written_errors = 0;
        let mut stdout = self.0.stdout.take().map(OwnedFd::from);
        let mut stderr = self.0.stderr.take().map(OwnedFd::from);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ProgramError::Time);
            }
            let ready = readable(
                [Some(leader.as_fd()), stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)],
                left,
            )
            .map_err(ProgramError::Lost)?;
            let [ended, out, err] = ready;
            let mut chunk = [0; 4096];
            if out {
                match read_some(stdout.as_ref(), &mut chunk).map_err(ProgramError::Lost)? {
                    [] => stdout = None,
                    octets => output.extend_from_slice(octets),
                }
            }
            if err {
                match read_some(stderr.as_ref(), &mut chunk).map_err(ProgramError::Lost)? {
                    [] => stderr = None,
                    octets => {
                        written_errors += octets.len();
                        let room = MOST_KEPT_ERRORS.saturating_sub(errors.len());
                        errors.extend(octets.iter().take(room));
                    }
                }
            }
            if output.len() > most_output || written_errors > MOST_ERRORS {
                return Err(ProgramError::TooMuchOutput);
            }
            if ended && !out && !err {
                return Ok((output, errors));
            }
        }
    }

    /// Kills the rest of the group and reaps the leader.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // Until the leader is reaped below, no other process can have its pid. An error means that the group
        // is empty.
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        self.0.wait()
    }
}

fn start(error: rustix::io::Errno) -> ProgramError {
    ProgramError::Start(error.into())
}

/// Runs in the child, between fork and exec.
fn only_descriptors_to_3(input: RawFd) -> io::Result<()> {
    let errno = |result: libc::c_int| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
    // SAFETY: these calls take numbers. The child no longer uses its descriptor 3, whatever it was. The pipe
    // through which it reports a failed exec is not 3: `input` was opened before it and took that number if
    // it was free.
    unsafe {
        if input == 3 {
            errno(libc::fcntl(input, libc::F_SETFD, 0))?;
        } else {
            errno(libc::dup2(input, 3))?;
        }
        // Not closed at once: that pipe must stay open until the exec.
        let rest = libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
        errno(if rest < 0 { -1 } else { 0 })?;
        errno(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL))
    }
}

fn write_all(fill: &OwnedFd, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(fill, octets))?;
        octets = octets.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Waits until a descriptor is readable or closed, or the time is over; returns which are ready.
fn readable<const N: usize>(
    descriptors: [Option<BorrowedFd<'_>>; N],
    time: Duration,
) -> io::Result<[bool; N]> {
    let time = Timespec::try_from(time).map_err(io::Error::other)?;
    let mut polled: Vec<PollFd<'_>> =
        descriptors.iter().flatten().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    match poll(&mut polled, Some(&time)) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok([false; N]),
        Err(error) => return Err(error.into()),
    }
    let mut polled = polled.iter();
    Ok(descriptors.map(|fd| fd.and_then(|_| polled.next()).is_some_and(|fd| !fd.revents().is_empty())))
}

fn read_some<'a>(from: Option<&OwnedFd>, chunk: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let Some(from) = from else { return Ok(&[]) };
    let octets = rustix::io::retry_on_intr(|| rustix::io::read(from, &mut *chunk))?;
    Ok(chunk.get(..octets).unwrap_or_default())
}

fn ending(status: ExitStatus) -> ProcessEnd {
    match (status.code(), status.signal()) {
        (Some(code), _) => ProcessEnd::Exited(code),
        (None, signal) => ProcessEnd::Signalled(signal.unwrap_or(0)),
    }
}

/// Why a program has no result.
#[derive(Debug)]
pub enum ProgramError {
    /// It could not be started.
    Start(io::Error),
    /// It took too long.
    Time,
    /// It wrote too much.
    TooMuchOutput,
    /// This process could not observe it.
    Lost(io::Error),
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => write!(f, "it cannot be started: {error}"),
            Self::Time => f.write_str("it took too long and was killed"),
            Self::TooMuchOutput => f.write_str("it wrote too much and was killed"),
            Self::Lost(error) => write!(f, "its output cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ProgramError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a line of sh(1).
    fn sh(line: &str, input: &[u8], time: Duration) -> Result<ProgramOutput, ProgramError> {
        run(&Run {
            program: Path::new("/bin/sh"),
            arguments: &["-c".as_ref(), line.as_ref()],
            environment: &[("PATH", "/usr/bin:/bin".as_ref())],
            input,
            time,
            most_output: 1000,
        })
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn input_comes_on_descriptor_3_and_everything_else_is_bare() {
        let answer = sh(
            "cat <&3; echo; pwd; ls /proc/self/fd; cat; env | grep -v -e ^PWD= -e ^_= -e ^OLDPWD= -e ^SHLVL=; echo x >&2; exit 3",
            b"a\0b",
            LONG,
        );
        let answer = answer.unwrap();
        // 3 is the input, and 4 is opened by ls itself to list them.
        assert_eq!(String::from_utf8_lossy(&answer.output), "a\0b\n/\n0\n1\n2\n3\n4\nPATH=/usr/bin:/bin\n");
        assert_eq!((answer.ending, answer.errors.as_slice()), (ProcessEnd::Exited(3), &b"x\n"[..]));
    }

    #[test]
    fn the_most_input_does_not_block() {
        let answer = sh("cat <&3 | wc -c", &[b'x'; MOST_INPUT], LONG).unwrap();
        assert_eq!(answer.output.trim_ascii(), b"65536");
        assert!(sh("exit 0", &[b'x'; MOST_INPUT], LONG).is_ok(), "the program need not read its input");
        assert!(matches!(sh("exit 0", &[b'x'; MOST_INPUT + 1], LONG), Err(ProgramError::Start(_))));
    }

    #[test]
    fn what_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let pids = folder.path().join("pids");
        let line = format!("sleep 1000 & echo $! > {0}; echo $$ >> {0}; wait", pids.display());
        assert!(matches!(sh(&line, b"", Duration::from_secs(2)), Err(ProgramError::Time)));
        for pid in std::fs::read_to_string(pids).unwrap().lines() {
            assert_gone(pid);
        }
    }

    #[test]
    fn what_it_leaves_behind_is_killed_and_does_not_delay() {
        // The sleeping process keeps standard output open.
        let answer = sh("sleep 1000 & echo $!", b"", LONG).unwrap();
        assert_eq!(answer.ending, ProcessEnd::Exited(0));
        assert_gone(String::from_utf8(answer.output).unwrap().trim());
    }

    /// Waits until a killed orphan is gone, or at least a zombie that init has yet to reap.
    fn assert_gone(pid: &str) {
        let stat = format!("/proc/{pid}/stat");
        for _ in 0..6000 {
            let status = std::fs::read_to_string(&stat).unwrap_or_default();
            let after_name = status.rsplit_once(") ").map_or("", |(_, rest)| rest);
            if after_name.is_empty() || after_name.starts_with(['Z', 'X']) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("process {pid} is still alive");
    }

    #[test]
    fn a_flood_ends_it() {
        assert!(matches!(sh("yes", b"", LONG), Err(ProgramError::TooMuchOutput)));
        assert!(matches!(sh("yes >&2", b"", LONG), Err(ProgramError::TooMuchOutput)));
        let answer = sh("head -c 5000 /dev/zero >&2", b"", LONG).unwrap();
        assert_eq!(answer.errors.len(), MOST_KEPT_ERRORS);
    }

    #[test]
    fn other_ends_are_told() {
        assert_eq!(sh("kill -SEGV $$", b"", LONG).unwrap().ending, ProcessEnd::Signalled(libc::SIGSEGV));
        let missing = Run {
            program: Path::new("/nonexistent/plugin"),
            arguments: &[],
            environment: &[],
            input: b"",
            time: LONG,
            most_output: 0,
        };
        assert!(
            matches!(run(&missing), Err(ProgramError::Start(error)) if error.kind() == io::ErrorKind::NotFound)
        );
    }
}
