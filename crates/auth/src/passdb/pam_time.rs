//! PAM tells whether there is a user by how long it takes: pam_unix, for one, hashes nothing for a name that it does not know.
//! (And for a name that it does know, the one of Linux-PAM 1.5 hashes twice.)

use std::collections::{HashMap, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

use sys::crypt::Crypt;

use crate::decoy::{Decoy, choose};
use crate::name::UserName;
use crate::secret_key::Key;

/// How many checks of each cost are remembered, and how many costs.
const MOST: usize = 15;
const MOST_COSTS: usize = 16;

/// A stranger costs at most so many hashes.
const MOST_HASHES: u32 = 4;

/// How long known users take, and how to take as long.
pub(crate) struct PamTime {
    /// The last checks of known users, by the cost of their passwords in the shadow file; the empty cost is that of users who
    /// have none there.
    recent: HashMap<Vec<u8>, VecDeque<Duration>>,
    crypt: Crypt,
    key: Key,
}

impl PamTime {
    pub(crate) fn new(crypt: Crypt, key: Key) -> Self {
        Self { recent: HashMap::new(), crypt, key }
    }

    /// A known user, whose password in the shadow file has this cost, took so long.
    pub(crate) fn known(&mut self, cost: &[u8], took: Duration) {
        if self.recent.len() >= MOST_COSTS && !self.recent.contains_key(cost) {
            self.recent.clear();
        }
        let recent = self.recent.entry(cost.to_vec()).or_default();
        if recent.len() >= MOST {
            recent.pop_front();
        }
        recent.push_back(took);
    }

    /// A name that nobody knows took so long: takes what is missing to a known user. `decoys` are the passwords of the shadow
    /// file; what is hashed for a known user then is hashed here for the stranger, for the time follows the load of the machine.
    pub(crate) fn stranger(&mut self, user: &UserName, password: &[u8], decoys: Vec<Decoy>, took: Duration) {
        let decoys = decoys.into_iter().map(|decoy| ((), decoy)).collect();
        let secret = choose(decoys, user, &self.key, |()| "pam").and_then(|((), decoy)| decoy.secret);
        let usual = self.usual(secret.as_ref().map_or(b"", |secret| secret.stored().cost()));
        if usual.is_some_and(|usual| took > usual / 2) {
            // These modules do the same for everyone.
            return;
        }
        let missing = usual.unwrap_or_default().saturating_sub(took);
        let Some(secret) = secret else { return thread::sleep(missing) };
        let start = Instant::now();
        for _ in 0..MOST_HASHES {
            let before = start.elapsed();
            let _ = secret.stored().verify(password, Some(&mut self.crypt));
            let one = start.elapsed() - before;
            if start.elapsed() + one / 2 > missing {
                return;
            }
        }
    }

    /// The median of the last checks of known users with passwords of this cost.
    fn usual(&self, cost: &[u8]) -> Option<Duration> {
        let mut sorted: Vec<_> = self.recent.get(cost)?.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_time_is_that_of_the_last_checks_of_the_same_cost() {
        let millis = Duration::from_millis;
        let mut time = PamTime::new(Crypt::load().unwrap(), Key::fixed(1));
        assert_eq!(time.usual(b"$6$"), None);
        [1, 900, 2].into_iter().for_each(|took| time.known(b"$6$", millis(took)));
        time.known(b"$1$", millis(7));
        assert_eq!((time.usual(b"$6$"), time.usual(b"$1$")), (Some(millis(2)), Some(millis(7))));
        (0..MOST).for_each(|_| time.known(b"$6$", millis(50)));
        assert_eq!((time.usual(b"$6$"), time.recent[&b"$6$"[..]].len()), (Some(millis(50)), MOST));
        (0..100).for_each(|nth| time.known(format!("{nth}").as_bytes(), millis(1)));
        assert!(time.recent.len() <= MOST_COSTS);
    }
}
