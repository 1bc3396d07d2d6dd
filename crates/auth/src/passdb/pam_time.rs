//! Hides how long PAM takes, which reveals whether a user exists: pam_unix, for example, hashes nothing for
//! an unknown name. (For a known name, the pam_unix of Linux-PAM 1.5 hashes twice.)

use std::collections::{HashMap, VecDeque};
use std::thread;
use std::time::{Duration, Instant};

use sys::crypt::Crypt;

use crate::decoy::{Decoy, choose};
use crate::mac_key::MacKey;
use crate::name::UserName;

/// How many checks of each cost are remembered.
const MOST: usize = 15;
/// How many costs are remembered.
const MOST_COSTS: usize = 16;

/// The most hashes that are computed for an unknown name.
const MOST_HASHES: u32 = 4;

/// How long checks of known users take, and how to take as long for unknown names.
pub(crate) struct PamTime {
    /// The times of the last checks of known users, by the cost of their passwords in the shadow file. The
    /// cost of users without a password there is empty.
    recent: HashMap<Vec<u8>, VecDeque<Duration>>,
    crypt: Crypt,
    key: MacKey,
}

impl PamTime {
    pub(crate) fn new(crypt: Crypt, key: MacKey) -> Self {
        Self { recent: HashMap::new(), crypt, key }
    }

    /// Records how long the check of a known user took, whose password in the shadow file has this cost.
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

    /// After the check of an unknown name took this long: takes the rest of the time that a known user takes.
    /// `decoys` are the passwords of the shadow file. This hashes as PAM does for a known user, so that the
    /// time depends on the load of the machine in the same way.
    pub(crate) fn stranger(&mut self, user: &UserName, password: &[u8], decoys: Vec<Decoy>, took: Duration) {
        let decoys = decoys.into_iter().map(|decoy| ((), decoy)).collect();
        let secret = choose(decoys, user, &self.key, |()| "pam").and_then(|((), decoy)| decoy.secret);
        let usual = self.usual(secret.as_ref().map_or(b"", |secret| secret.stored().cost()));
        if usual.is_some_and(|usual| took > usual / 2) {
            // These modules take the same time for all names.
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

    /// The median time of the last checks of known users with passwords of this cost.
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
        let mut time = PamTime::new(Crypt::load().unwrap(), MacKey::fixed(1));
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
