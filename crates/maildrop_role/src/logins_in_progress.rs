//! The logins that a maildrop process is working on, in memory that outlives it: when it dies, the sessions
//! that wait for them learn it at once.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use ipc::LoginId;
use rustix::fs::MemfdFlags;

/// The octets of one slot: whether there is a login, its generation and its number.
const SLOT: usize = 16;

/// A slot for each thread that takes orders.
pub struct LoginsInProgress {
    memory: File,
    slots: usize,
}

impl LoginsInProgress {
    /// Empty slots.
    ///
    /// # Errors
    ///
    /// What memfd_create(2) says.
    pub fn new(slots: usize) -> io::Result<Self> {
        let memory = rustix::fs::memfd_create("mpopd-in-hand", MemfdFlags::CLOEXEC)?;
        Ok(Self { memory: memory.into(), slots })
    }

    /// The thread of this slot, from 0, works on this login, or on none.
    pub fn set(&self, slot: usize, login: Option<LoginId>) {
        let octets = login.map_or([0; SLOT], |LoginId { generation, number }| {
            (1 | u128::from(generation) << 32 | u128::from(number) << 64).to_le_bytes()
        });
        // If there is no memory for it, a client may wait longer, and nothing else happens.
        let _ = self.memory.write_all_at(&octets, offset(slot));
    }

    /// The logins that were in progress when the process ended. The process wrote them itself and may have
    /// been taken over by an attacker: the numbers are only looked up, and there are no more of them than
    /// threads.
    pub fn logins(&self) -> Vec<LoginId> {
        let read = |slot: usize| {
            let mut octets = [0; SLOT];
            self.memory.read_exact_at(&mut octets, offset(slot)).ok()?;
            let (first, number) = octets.split_at(8);
            let (used, generation) = first.split_at(4);
            let used = u32::from_le_bytes(used.try_into().ok()?);
            let generation = u32::from_le_bytes(generation.try_into().ok()?);
            let number = u64::from_le_bytes(number.try_into().ok()?);
            (used == 1).then_some(LoginId { generation, number })
        };
        (0..self.slots).filter_map(read).collect()
    }
}

/// Where a slot begins in the memory, in octets.
fn offset(slot: usize) -> u64 {
    u64::try_from(slot * SLOT).unwrap_or(u64::MAX)
}

impl AsFd for LoginsInProgress {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_progress_is_known_until_it_is_done() {
        let in_progress = LoginsInProgress::new(3).unwrap();
        assert_eq!(in_progress.logins(), []);
        let login = |number| LoginId { generation: u32::MAX, number };
        in_progress.set(2, Some(login(u64::MAX)));
        in_progress.set(0, Some(login(0)));
        assert_eq!(in_progress.logins(), [login(0), login(u64::MAX)]);
        in_progress.set(2, None);
        assert_eq!(in_progress.logins(), [login(0)]);
        // What a process writes behind its slots is not read.
        in_progress.set(3, Some(login(5)));
        assert_eq!(in_progress.logins(), [login(0)]);
    }
}
