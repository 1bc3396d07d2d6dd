//! Memory for hard times: some is kept aside and given back to the system piece by piece when an allocation fails, so that
//! those who have work to finish can finish it. Nobody new is let in meanwhile.
//!
//! Rust ends a process whose memory runs out. With thousands of clients in one process that must not be the first thing that
//! happens: the allocator ([`crate::wiping`]) spends the reserve first. Nobody writes to the reserve, so it takes hardly
//! any pages: what is kept is room below `RLIMIT_AS`, or the kernel's promise where it keeps count (`vm.overcommit_memory=2`).

use std::alloc::{GlobalAlloc as _, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// The octets of one piece.
const PIECE: usize = 256 << 10;
/// The most pieces.
const MOST: usize = 64;

const LAYOUT: Layout = Layout::new::<[u8; PIECE]>();

/// The pieces that are kept now. Whoever takes a pointer out of here owns it.
static PIECES: [AtomicPtr<u8>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];
/// How many there shall be.
static WANTED: AtomicUsize = AtomicUsize::new(0);
/// Whether one had to be given back and is not there again.
static SHORT: AtomicBool = AtomicBool::new(false);

/// Keeps about so many octets aside from now on, 16 MB at most.
pub fn keep(octets: usize) {
    WANTED.store(octets.div_ceil(PIECE).min(MOST), Ordering::Relaxed);
    fill();
}

/// Whether memory is short: the reserve had to be touched, and cannot be filled again now. Then nothing is to be begun that
/// needs memory for long.
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed) && !fill()
}

/// Fills the reserve as far as it can; whether it is full.
fn fill() -> bool {
    SHORT.store(false, Ordering::Relaxed);
    for place in PIECES.iter().take(WANTED.load(Ordering::Relaxed)) {
        if !place.load(Ordering::Relaxed).is_null() {
            continue;
        }
        // SAFETY: the layout's size is not zero.
        let piece = unsafe { System.alloc(LAYOUT) };
        if piece.is_null() {
            SHORT.store(true, Ordering::Relaxed);
            return false;
        }
        let put = place.compare_exchange(ptr::null_mut(), piece, Ordering::AcqRel, Ordering::Relaxed);
        if put.is_err() {
            // Another thread was quicker.
            // SAFETY: allocated above with this layout, and nobody else has it.
            unsafe { System.dealloc(piece, LAYOUT) };
        }
    }
    true
}

/// Gives one piece back to the system; whether there was one.
fn release_one() -> bool {
    for place in &PIECES {
        let piece = place.swap(ptr::null_mut(), Ordering::AcqRel);
        if !piece.is_null() {
            SHORT.store(true, Ordering::Relaxed);
            // SAFETY: what is in `PIECES` was allocated with this layout, and the swap made it ours alone.
            unsafe { System.dealloc(piece, LAYOUT) };
            return true;
        }
    }
    false
}

/// Allocates, and spends piece after piece until it can.
pub(crate) fn allocate(attempt: impl Fn() -> *mut u8) -> *mut u8 {
    loop {
        let got = attempt();
        if !got.is_null() || !release_one() {
            return got;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Resource, Rlimit, setrlimit};

    #[global_allocator]
    static ALLOCATOR: crate::wiping::Wiping = crate::wiping::Wiping;

    /// In a process of its own, since memory is everybody's.
    #[test]
    fn the_reserve_is_spent_first_and_kept_again() {
        const NAME: &str = "reserve::tests::the_reserve_is_spent_first_and_kept_again";
        if std::env::var_os("OUT_OF_MEMORY").is_none() {
            let itself = std::env::current_exe().unwrap();
            let mut command = std::process::Command::new(itself);
            let done = command.args(["--exact", NAME]).env("OUT_OF_MEMORY", "1").output().unwrap();
            assert!(done.status.success(), "{done:?}");
            return;
        }
        keep(2 << 20);
        assert!(!is_short());
        let limit = |octets| setrlimit(Resource::As, Rlimit { current: octets, maximum: None }).unwrap();
        limit(Some(address_space() + (4 << 20)));
        let mut pieces = Vec::with_capacity(1024);
        while !SHORT.load(Ordering::Relaxed) {
            pieces.push(Vec::<u8>::with_capacity(PIECE));
            assert!(pieces.len() < 1024, "memory never ran out");
        }
        // The one that did not fit came all the same.
        assert!(is_short(), "there is no room for it yet");
        drop(pieces);
        assert!(!is_short(), "there is room again");
    }

    fn address_space() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
        size.unwrap().parse::<u64>().unwrap() * 1024
    }
}
