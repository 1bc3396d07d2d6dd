//! The indexes that were used last, in memory: a process that serves many logins reads no file for the next
//! one.

use std::collections::HashMap;
use std::sync::Arc;

use super::key::IndexKey;
use super::store::Checksummed;

/// The most octets of indexes that are kept.
const MOST_OCTETS: usize = 32 * 1024 * 1024;

/// Some indexes, and when each was last used.
#[derive(Default)]
pub(super) struct RecentIndexes {
    kept: HashMap<IndexKey, (u64, Arc<Checksummed>)>,
    octets: usize,
    clock: u64,
}

impl RecentIndexes {
    pub(super) fn find(&mut self, key: &IndexKey) -> Option<Arc<Checksummed>> {
        self.clock += 1;
        let (used, index) = self.kept.get_mut(key)?;
        *used = self.clock;
        Some(Arc::clone(index))
    }

    /// Keeps this index. If there are too many octets, those that were not used for longest are dropped.
    pub(super) fn keep(&mut self, key: IndexKey, index: &Arc<Checksummed>) {
        self.forget(&key);
        if index.size() > MOST_OCTETS / 2 {
            return;
        }
        self.clock += 1;
        self.octets += index.size();
        self.kept.insert(key, (self.clock, Arc::clone(index)));
        if self.octets > MOST_OCTETS {
            self.make_room();
        }
    }

    pub(super) fn forget(&mut self, key: &IndexKey) {
        if let Some((_, index)) = self.kept.remove(key) {
            self.octets -= index.size();
        }
    }

    /// Drops the older half, so that this need not happen for each new index.
    fn make_room(&mut self) {
        let mut by_age: Vec<(u64, IndexKey)> =
            self.kept.iter().map(|(key, (used, _))| (*used, *key)).collect();
        by_age.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_age {
            if self.octets <= MOST_OCTETS / 2 {
                break;
            }
            self.forget(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_used_stay_and_the_octets_are_bounded() {
        let key = |number: u8| IndexKey([number; 32]);
        let index = |key: &IndexKey| Arc::new(Checksummed::new(key, &[0; 16], &vec![1; 3 * 1024 * 1024]));
        let mut recent = RecentIndexes::default();
        for number in 0..100 {
            recent.keep(key(number), &index(&key(number)));
            assert!(recent.find(&key(0)).is_some(), "used again and again");
            assert!(recent.octets <= MOST_OCTETS);
        }
        assert!(recent.find(&key(50)).is_none());
        assert!(recent.find(&key(99)).is_some());
        let octets: usize = recent.kept.values().map(|(_, index)| index.size()).sum();
        assert_eq!(recent.octets, octets);
        recent.forget(&key(0));
        assert!(recent.find(&key(0)).is_none());
        let large = Arc::new(Checksummed::new(&key(1), &[0; 16], &vec![0; MOST_OCTETS]));
        recent.keep(key(1), &large);
        assert!(recent.find(&key(1)).is_none(), "too large to be kept beside others");
    }
}
