//! Bounds what clients have sent and the dialogue has not read yet: for each connection, and for all
//! together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that one connection may hold, in octets. Some clients write a whole pipeline before they read a
/// reply: if the server stopped reading at once, both would wait for each other forever.
const MOST_EACH: usize = 1 << 20;
/// What every connection may hold, whatever the others do, in octets: the longest line, and some more.
const LEAST_EACH: usize = 16 * 1024;
/// What all connections may hold together beyond that, in octets. When it is used up, clients that want to
/// send more must read replies first.
const MOST_TOGETHER: usize = 64 << 20;

/// What all connections hold beyond [`LEAST_EACH`].
static TOGETHER: AtomicUsize = AtomicUsize::new(0);

/// What one connection holds.
#[derive(Default)]
pub(crate) struct Backlog {
    /// The octets beyond [`LEAST_EACH`] that are counted in [`TOGETHER`].
    counted: usize,
}

impl Backlog {
    /// Records the number of unread octets.
    pub(crate) fn set_unread(&mut self, octets: usize) {
        let beyond = octets.saturating_sub(LEAST_EACH);
        if beyond == self.counted {
            return;
        }
        // No other memory depends on it.
        TOGETHER.fetch_add(beyond, Ordering::Relaxed);
        TOGETHER.fetch_sub(self.counted, Ordering::Relaxed);
        self.counted = beyond;
    }

    /// Whether more may be read from the socket while `octets` are unread.
    pub(crate) fn may_grow(&self, octets: usize) -> bool {
        octets < LEAST_EACH
            || octets < MOST_EACH
                && TOGETHER.load(Ordering::Relaxed) < MOST_TOGETHER
                && !sys::reserve::is_short()
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.set_unread(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_all_have_a_bound() {
        let mut backlogs: Vec<Backlog> = (0..70).map(|_| Backlog::default()).collect();
        assert!(backlogs[0].may_grow(MOST_EACH - 1) && !backlogs[0].may_grow(MOST_EACH));
        backlogs.iter_mut().for_each(|backlog| backlog.set_unread(MOST_EACH));
        let mut late = Backlog::default();
        late.set_unread(LEAST_EACH);
        assert!(late.may_grow(LEAST_EACH - 1) && !late.may_grow(LEAST_EACH));
        drop(backlogs);
        assert!(late.may_grow(LEAST_EACH));
    }
}
