//! A reserve of memory. When an allocation fails, part of it is returned to the system, so that work under
//! way can finish. No new work is accepted meanwhile.
//!
//! Rust aborts a process that runs out of memory. With thousands of clients in one process that must be the
//! last resort: the allocator ([`crate::wiping`]) uses the reserve first. Nothing is written to the reserve,
//! so it takes hardly any pages. It keeps address space below `RLIMIT_AS`, or committed memory where the
//! kernel counts it (`vm.overcommit_memory=2`).

use std::alloc::{GlobalAlloc as _, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// The octets of one piece.
const PIECE: usize = 256 << 10;
/// The most pieces.
const MOST: usize = 64;

const LAYOUT: Layout = Layout::new::<[u8; PIECE]>();

/// The pieces in the reserve. Code that takes a pointer out of here owns it.
static PIECES: [AtomicPtr<u8>; MOST] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST];
/// The intended number of pieces.
static WANTED: AtomicUsize = AtomicUsize::new(0);
/// Whether a piece was used and has not been replaced.
static SHORT: AtomicBool = AtomicBool::new(false);

/// Sets the size of the reserve to about this many octets, at most 16 MB, and fills it.
pub fn keep(octets: usize) {
    WANTED.store(octets.div_ceil(PIECE).min(MOST), Ordering::Relaxed);
    fill();
}

/// Whether memory is short: the reserve was used, and cannot be filled again now. Then nothing should be
/// started that needs memory for long.
pub fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed) && !fill()
}

/// Fills the reserve as far as possible; returns whether it is full.
fn fill() -> bool {
    SHORT.store(false, Ordering::Relaxed);
    for place in PIECES.iter().take(WANTED.load(Ordering::Relaxed)) {
        if !place.load(Ordering::Relaxed).is_null() {
            continue;
        }
        // SAFETY: the size of the layout is not zero.
        let piece = unsafe { System.alloc(LAYOUT) };
        if piece.is_null() {
            SHORT.store(true, Ordering::Relaxed);
            return false;
        }
        let put = place.compare_exchange(ptr::null_mut(), piece, Ordering::AcqRel, Ordering::Relaxed);
        if put.is_err() {
            // Another thread was quicker.
            // SAFETY: it was allocated above with this layout, and nobody else has it.
            unsafe { System.dealloc(piece, LAYOUT) };
        }
    }
    true
}

/// Returns one piece to the system; `false` if there was none.
fn release_one() -> bool {
    for place in &PIECES {
        let piece = place.swap(ptr::null_mut(), Ordering::AcqRel);
        if !piece.is_null() {
            SHORT.store(true, Ordering::Relaxed);
            // SAFETY: pieces in `PIECES` were allocated with this layout, and after the swap only we have
            // this one.
            unsafe { System.dealloc(piece, LAYOUT) };
            return true;
        }
    }
    false
}

/// Allocates; if that fails, releases one piece after the other until it succeeds.
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

    /// In its own process, because the limit applies to all threads.
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
        // The piece that did not fit was allocated all the same, from the reserve.
        assert!(is_short(), "the reserve cannot be refilled yet");
        drop(pieces);
        assert!(!is_short(), "the reserve must be refilled");
    }

    fn address_space() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
        size.unwrap().parse::<u64>().unwrap() * 1024
    }
}
