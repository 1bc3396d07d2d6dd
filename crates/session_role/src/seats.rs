//! How many at a time: `max_servers_per_ip` and `max_servers_per_user`.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many seats for each guest of a kind: for each [`crate::Network`], for each user.
///
/// Clones share the seats. It grows no larger than the number of seats that are taken, which the caller bounds with
/// `max_servers`.
pub(crate) struct Seats<K: Eq + Hash> {
    most: u32,
    taken: Arc<Mutex<HashMap<K, u32>>>,
}

/// A seat that is taken. Dropping it frees it.
#[must_use = "the seat is free again when this is dropped"]
pub(crate) struct Seat<K: Eq + Hash> {
    guest: K,
    taken: Arc<Mutex<HashMap<K, u32>>>,
}

impl<K: Eq + Hash + Clone> Seats<K> {
    /// `most` seats for each guest.
    pub(crate) fn new(most: u32) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Takes a seat for this guest; `None` if the guest has all that there are.
    pub(crate) fn take(&self, guest: K) -> Option<Seat<K>> {
        let mut taken = lock(&self.taken);
        let count = taken.get(&guest).copied().unwrap_or(0);
        if count >= self.most {
            return None;
        }
        taken.insert(guest.clone(), count + 1);
        Some(Seat { guest, taken: Arc::clone(&self.taken) })
    }

    /// How many seats this guest has.
    #[cfg(test)]
    fn taken_by(&self, guest: &K) -> u32 {
        lock(&self.taken).get(guest).copied().unwrap_or(0)
    }

    /// How many guests have seats.
    #[cfg(test)]
    fn guests(&self) -> usize {
        lock(&self.taken).len()
    }
}

impl<K: Eq + Hash> Clone for Seats<K> {
    fn clone(&self) -> Self {
        Self { most: self.most, taken: Arc::clone(&self.taken) }
    }
}

impl<K: Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        match taken.get_mut(&self.guest) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.guest)),
        }
    }
}

/// No one panics while holding it, and a count is right between any two steps.
fn lock<K>(taken: &Mutex<HashMap<K, u32>>) -> MutexGuard<'_, HashMap<K, u32>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Eq + Hash> fmt::Debug for Seats<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seats({} for each of {} guests)", self.most, lock(&self.taken).len())
    }
}

impl<K: Eq + Hash> fmt::Debug for Seat<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seat")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_guest_has_so_many_and_leaves_nothing_behind() {
        let seats = Seats::new(2);
        let first = seats.take("a").unwrap();
        let second = seats.take("a").unwrap();
        assert!(seats.take("a").is_none());
        assert!(seats.take("b").is_some());
        assert_eq!((seats.taken_by(&"a"), seats.taken_by(&"b")), (2, 0));
        drop(first);
        let third = seats.clone().take("a").unwrap();
        assert!(seats.take("a").is_none());
        assert_eq!(seats.guests(), 1);
        drop((second, third));
        assert_eq!(seats.guests(), 0);
    }
}
