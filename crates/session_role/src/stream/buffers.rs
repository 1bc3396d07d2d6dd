//! Buffers that connections borrow while they are busy.
//!
//! An idle connection holds none. Each thread keeps a few and reuses the most recent first, while the caches
//! are warm.

use std::cell::RefCell;

/// How much of a message is read at a time, in octets, and about how much is written at a time.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Room for a command or two, in octets.
pub(crate) const COMMANDS: usize = 4 * 1024;

/// The number of buffers of each kind that a thread keeps.
const MOST_KEPT: usize = 64;
/// The largest buffer that is kept, in octets.
const LARGEST_KEPT: usize = 4 * CHUNK;

thread_local! {
    static CHUNKS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static OUTPUTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static INPUTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A buffer of [`CHUNK`] octets with arbitrary content, to read a message into.
pub(crate) fn chunk() -> Vec<u8> {
    CHUNKS.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; CHUNK])
}

/// Returns a buffer of [`chunk`].
pub(crate) fn give_back_chunk(buffer: Vec<u8>) {
    keep(&CHUNKS, buffer);
}

/// An empty buffer with room for replies.
pub(crate) fn output() -> Vec<u8> {
    OUTPUTS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(CHUNK + CHUNK / 8))
}

/// An empty buffer with room for [`COMMANDS`] octets of input.
pub(crate) fn input() -> Vec<u8> {
    INPUTS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(COMMANDS))
}

/// Takes the output buffer of a connection that has nothing to send.
pub(crate) fn give_back_output(buffer: &mut Vec<u8>) {
    give_back(&OUTPUTS, buffer);
}

/// Takes the input buffer of a connection that has nothing to read, and wipes it: it may have held a
/// password.
pub(crate) fn give_back_input(buffer: &mut Vec<u8>) {
    use zeroize::Zeroize;
    // Only the part in use: wiping all of it for every command would cost more than the command.
    buffer.as_mut_slice().zeroize();
    give_back(&INPUTS, buffer);
}

fn give_back(pool: &'static std::thread::LocalKey<RefCell<Vec<Vec<u8>>>>, buffer: &mut Vec<u8>) {
    let mut buffer = std::mem::take(buffer);
    buffer.clear();
    if buffer.capacity() > 0 {
        keep(pool, buffer);
    }
}

fn keep(pool: &'static std::thread::LocalKey<RefCell<Vec<Vec<u8>>>>, buffer: Vec<u8>) {
    pool.with_borrow_mut(|pool| {
        if pool.len() < MOST_KEPT && buffer.capacity() <= LARGEST_KEPT {
            pool.push(buffer);
        }
    });
}
