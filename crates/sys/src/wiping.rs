//! An allocator that wipes freed memory, so that a process that is forked later finds no password in it.
//!
//! Our code wipes the settings and user lists that it reads, but libraries leave copies behind: a text that
//! was parsed, a vector that grew.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::reserve;

/// The system's allocator, which wipes until [`stop`]. If it has no memory, the [`reserve`] is used.
pub struct Wiping;

static ON: AtomicBool = AtomicBool::new(true);

/// Ends the wiping: this process forks no other process any more that would inherit a secret.
pub fn stop() {
    ON.store(false, Ordering::Relaxed);
}

// SAFETY: all memory is the system allocator's, allocated and freed with the layouts of the caller. The only
// addition, writing zeros into a block before it is freed, stays within its `layout.size()` octets, which
// nobody else may use at that time.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract of the caller is the same.
        reserve::allocate(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract of the caller is the same.
        reserve::allocate(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if ON.load(Ordering::Relaxed) {
            // SAFETY: the block has this size, and the caller frees it.
            unsafe { libc::explicit_bzero(block.cast(), layout.size()) };
        }
        // SAFETY: the contract of the caller is the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !ON.load(Ordering::Relaxed) {
            // SAFETY: the contract of the caller is the same, and a failed call leaves the block as it was.
            return reserve::allocate(|| unsafe { System.realloc(block, layout, size) });
        }
        // SAFETY: the caller promises that `size`, rounded up to this alignment, is no more than isize::MAX,
        // and not 0.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are at least that long, and the new one overlaps nothing. The caller frees
            // the old one.
            unsafe {
                std::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octet(at: usize) -> u8 {
        u8::try_from(at).unwrap()
    }

    #[test]
    fn what_moves_stays_whole_and_what_shrinks_too() {
        let layout = Layout::from_size_align(100, 16).unwrap();
        // SAFETY: each block is used within its size, and freed once with its last layout.
        unsafe {
            let block = Wiping.alloc(layout);
            assert!(!block.is_null());
            (0..100).for_each(|at| block.add(at).write(octet(at)));
            let larger = Wiping.realloc(block, layout, 5000);
            assert!((0..100).all(|at| larger.add(at).read() == octet(at)));
            let smaller = Wiping.realloc(larger, Layout::from_size_align(5000, 16).unwrap(), 10);
            assert!((0..10).all(|at| smaller.add(at).read() == octet(at)));
            Wiping.dealloc(smaller, Layout::from_size_align(10, 16).unwrap());
        }
    }
}
