//! Limits on concurrent use: `max_servers_per_ip` and `max_servers_per_user`.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A fixed number of slots for each holder: for each [`Network`](super::Network), or for each user.
///
/// Clones share the slots. The table has an entry for each holder of a slot, so it never has more entries
/// than slots are taken, and the caller bounds those with `max_servers`.
pub(crate) struct Quota<H: Eq + Hash> {
    most: u32,
    taken: Arc<Mutex<HashMap<H, u32>>>,
}

/// A slot that is taken. Dropping it frees it.
#[must_use = "the slot is free again when this is dropped"]
pub(crate) struct QuotaSlot<H: Eq + Hash> {
    holder: H,
    taken: Arc<Mutex<HashMap<H, u32>>>,
}

impl<H: Eq + Hash + Clone> Quota<H> {
    /// `most` slots for each holder.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Takes a slot for this holder; `None` if it has all of them already.
    pub(crate) fn take(&self, holder: H) -> Option<QuotaSlot<H>> {
        let mut taken = lock(&self.taken);
        let count = taken.get(&holder).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        taken.insert(holder.clone(), count + 1);
        Some(QuotaSlot { holder, taken: Arc::clone(&self.taken) })
    }

    /// The number of slots that this holder has.
    #[cfg(test)]
    fn taken_by(&self, holder: &H) -> u32 {
        lock(&self.taken).get(holder).copied().unwrap_or(0)
    }

    /// The number of holders that have slots.
    #[cfg(test)]
    fn holders(&self) -> usize {
        lock(&self.taken).len()
    }
}

impl<H: Eq + Hash> Clone for Quota<H> {
    fn clone(&self) -> Self {
        Self { most: self.most, taken: Arc::clone(&self.taken) }
    }
}

impl<H: Eq + Hash> Drop for QuotaSlot<H> {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        match taken.get_mut(&self.holder) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.holder)),
        }
    }
}

/// Nothing panics while holding it, and the count is right between any two steps.
fn lock<H>(taken: &Mutex<HashMap<H, u32>>) -> MutexGuard<'_, HashMap<H, u32>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<H: Eq + Hash> fmt::Debug for Quota<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quota({} for each of {} holders)", self.most, lock(&self.taken).len())
    }
}

impl<H: Eq + Hash> fmt::Debug for QuotaSlot<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuotaSlot")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holder_has_its_number_and_leaves_nothing_behind() {
        let quota = Quota::new(2);
        let first = quota.take("a").unwrap();
        let second = quota.take("a").unwrap();
        assert!(quota.take("a").is_none());
        assert!(quota.take("b").is_some());
        assert_eq!((quota.taken_by(&"a"), quota.taken_by(&"b")), (2, 0));
        drop(first);
        let third = quota.clone().take("a").unwrap();
        assert!(quota.take("a").is_none());
        assert_eq!(quota.holders(), 1);
        drop((second, third));
        assert_eq!(quota.holders(), 0);
    }
}
