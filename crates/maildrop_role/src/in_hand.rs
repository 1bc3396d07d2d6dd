//! Which logins a maildrop process is at work on, in memory that outlives it: when it dies, whoever waits for one of them is
//! told at once.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use ipc::LoginId;
use rustix::fs::MemfdFlags;

/// The octets of one slot: whether there is a login, its generation and its number.
const SLOT: usize = 16;

/// A slot for each thread that takes orders.
pub struct InHand {
    memory: File,
    slots: usize,
}

impl InHand {
    /// Empty slots.
    ///
    /// # Errors
    ///
    /// What memfd_create(2) says.
    pub fn new(slots: usize) -> io::Result<InHand> {
        let memory = rustix::fs::memfd_create("mpopd-in-hand", MemfdFlags::CLOEXEC)?;
        Ok(InHand { memory: memory.into(), slots })
    }

    /// The thread of this slot, from 0, is at work on this login, or on none.
    pub fn set(&self, slot: usize, login: Option<LoginId>) {
        let octets = login.map_or([0; SLOT], |LoginId { generation, number }| {
            (1 | u128::from(generation) << 32 | u128::from(number) << 64).to_le_bytes()
        });
        // Where there is no memory for it, a client may wait longer and nothing else.
        let _ = self.memory.write_all_at(&octets, (slot * SLOT) as u64);
    }

    /// What was in hand when the process ended. It wrote that itself, and may have been taken over: these are numbers to be
    /// looked up, and not more than there are threads.
    pub fn logins(&self) -> Vec<LoginId> {
        let read = |slot: usize| {
            let mut octets = [0; SLOT];
            self.memory.read_exact_at(&mut octets, (slot * SLOT) as u64).ok()?;
            let slot = u128::from_le_bytes(octets);
            (slot as u32 == 1)
                .then_some(LoginId { generation: (slot >> 32) as u32, number: (slot >> 64) as u64 })
        };
        (0..self.slots).filter_map(read).collect()
    }
}

impl AsFd for InHand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_hand_is_known_until_it_is_done() {
        let in_hand = InHand::new(3).unwrap();
        assert_eq!(in_hand.logins(), []);
        let login = |number| LoginId { generation: u32::MAX, number };
        in_hand.set(2, Some(login(u64::MAX)));
        in_hand.set(0, Some(login(0)));
        assert_eq!(in_hand.logins(), [login(0), login(u64::MAX)]);
        in_hand.set(2, None);
        assert_eq!(in_hand.logins(), [login(0)]);
        // Whatever a process writes behind its slots is not read.
        in_hand.set(3, Some(login(5)));
        assert_eq!(in_hand.logins(), [login(0)]);
    }
}
