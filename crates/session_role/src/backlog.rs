//! What clients have sent and nobody has taken yet: bounded for each connection, and for all together.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What one connection may hold, in octets. Some clients write a whole pipeline before they read a reply: a server that
/// stopped reading at once would wait for them for ever, and they for it.
const MOST_EACH: usize = 1 << 20;
/// What every connection may hold whatever the others do: the longest line, and some.
const LEAST_EACH: usize = 16 * 1024;
/// What all may hold together beyond that, in octets. When it is used up, who sends more must read first.
const MOST_TOGETHER: usize = 64 << 20;

/// The share of all connections.
static TOGETHER: AtomicUsize = AtomicUsize::new(0);

/// One connection's part of what is held.
#[derive(Default)]
pub(crate) struct Backlog {
    /// The octets beyond [`LEAST_EACH`] that are counted in [`TOGETHER`].
    counted: usize,
}

impl Backlog {
    /// So many octets wait now.
    pub(crate) fn is(&mut self, octets: usize) {
        let beyond = octets.saturating_sub(LEAST_EACH);
        if beyond == self.counted {
            return;
        }
        // A figure that no other memory depends on.
        TOGETHER.fetch_add(beyond, Ordering::Relaxed);
        TOGETHER.fetch_sub(self.counted, Ordering::Relaxed);
        self.counted = beyond;
    }

    /// Whether there may be more, while `octets` wait.
    pub(crate) fn may_grow(&self, octets: usize) -> bool {
        octets < LEAST_EACH
            || octets < MOST_EACH
                && TOGETHER.load(Ordering::Relaxed) < MOST_TOGETHER
                && !sys::reserve::is_short()
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.is(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_all_have_a_bound() {
        let mut backlogs: Vec<Backlog> = (0..70).map(|_| Backlog::default()).collect();
        assert!(backlogs[0].may_grow(MOST_EACH - 1) && !backlogs[0].may_grow(MOST_EACH));
        backlogs.iter_mut().for_each(|backlog| backlog.is(MOST_EACH));
        let mut late = Backlog::default();
        late.is(LEAST_EACH);
        assert!(late.may_grow(LEAST_EACH - 1) && !late.may_grow(LEAST_EACH));
        drop(backlogs);
        assert!(late.may_grow(LEAST_EACH));
    }
}
