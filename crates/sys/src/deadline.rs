//! A deadline that the kernel keeps: when it passes, this process is killed.
//!
//! The auth role calls code that cannot be interrupted (PAM modules, name services). A timer with SIGKILL
//! works whatever such code does to alarm(2) or to signal masks. The supervisor then starts another process.

use std::io;
use std::time::Duration;

/// A timer that can be armed again and again (timer_create(2)).
#[derive(Debug)]
pub struct Deadline(libc::timer_t);

// SAFETY: a timer_t names a timer of the whole process; any thread may set or delete it.
unsafe impl Send for Deadline {}

impl Deadline {
    /// Creates the timer, disarmed. It counts time on the monotonic clock.
    ///
    /// # Errors
    ///
    /// What timer_create(2) says.
    pub fn new() -> io::Result<Self> {
        // SAFETY: sigevent is plain data for which all-zero is valid. The kernel reads it during the call and
        // writes the id of the timer to `timer`.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = libc::SIGKILL;
            let mut timer: libc::timer_t = std::ptr::null_mut();
            match libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer) {
                0 => Ok(Self(timer)),
                _ => Err(io::Error::last_os_error()),
            }
        }
    }

    /// From now on, the process has this long to call [`Deadline::disarm`].
    ///
    /// # Errors
    ///
    /// What timer_settime(2) says.
    pub fn arm(&self, time: Duration) -> io::Result<()> {
        // A zero time would disarm the timer instead.
        self.set(time.max(Duration::from_nanos(1)))
    }

    /// Stops the timer: the work is done.
    ///
    /// # Errors
    ///
    /// What timer_settime(2) says.
    pub fn disarm(&self) -> io::Result<()> {
        self.set(Duration::ZERO)
    }

    fn set(&self, time: Duration) -> io::Result<()> {
        let spec = libc::itimerspec {
            it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
            it_value: libc::timespec {
                tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: i64::from(time.subsec_nanos()),
            },
        };
        // SAFETY: `self.0` is a timer that `new` created and `drop` has not deleted. `spec` is read during
        // the call, and the old value is not requested.
        match unsafe { libc::timer_settime(self.0, 0, &spec, std::ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // SAFETY: the timer exists (see `set`), and nothing can use it after this.
        unsafe { libc::timer_delete(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disarmed_deadline_lets_the_process_live() {
        let deadline = Deadline::new().unwrap();
        deadline.arm(Duration::from_secs(3600)).unwrap();
        deadline.disarm().unwrap();
        drop(deadline);
    }
}
