//! An allocator that wipes what is freed: a process that is forked later finds no password in memory that nobody uses any more.
//!
//! What reads settings and lists of users is careful with them, but libraries between leave copies behind: a text that was parsed, a
//! vector that grew.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::reserve;

/// The system's allocator, with wiping until [`stop`]. Where it fails, memory that is kept aside ([`reserve`]) is spent.
pub struct Wiping;

static ON: AtomicBool = AtomicBool::new(true);

/// From here on this process only frees: it has seen its last secret that another would inherit.
pub fn stop() {
    ON.store(false, Ordering::Relaxed);
}

// SAFETY: all memory is the system allocator's, asked for and given back with the layouts that the caller vouches for. The one
// addition, to write zeros into a block before it is given back, stays within its `layout.size()` octets, which nobody else
// may use at that time.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        reserve::allocate(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the same.
        reserve::allocate(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if ON.load(Ordering::Relaxed) {
            // SAFETY: the block has this size and is the caller's, who gives it up.
            unsafe { libc::explicit_bzero(block.cast(), layout.size()) };
        }
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !ON.load(Ordering::Relaxed) {
            // SAFETY: the caller's promise is the same, and a call that failed leaves the block as it was.
            return reserve::allocate(|| unsafe { System.realloc(block, layout, size) });
        }
        // SAFETY: the caller promises that `size`, rounded up to this alignment, is no more than isize::MAX, and not 0.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are at least as long, and the new one overlaps nothing that is in use. The old one is
            // the caller's to give up.
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

    #[test]
    fn what_moves_stays_whole_and_what_shrinks_too() {
        let layout = Layout::from_size_align(100, 16).unwrap();
        // SAFETY: each block is used within its size, and given back once with its last layout.
        unsafe {
            let block = Wiping.alloc(layout);
            assert!(!block.is_null());
            (0..100).for_each(|at| block.add(at).write(at as u8));
            let larger = Wiping.realloc(block, layout, 5000);
            assert!((0..100).all(|at| larger.add(at).read() == at as u8));
            let smaller = Wiping.realloc(larger, Layout::from_size_align(5000, 16).unwrap(), 10);
            assert!((0..10).all(|at| smaller.add(at).read() == at as u8));
            Wiping.dealloc(smaller, Layout::from_size_align(10, 16).unwrap());
        }
    }
}
