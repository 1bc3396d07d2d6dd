//! Passwords that were right a short while ago (`auth_cache`), so that a mail program that comes every minute does not cost a
//! yescrypt each time.
//!
//! What is kept is a MAC under a key that this process drew when it started and never shows. It covers the user, where the user
//! was found, what is stored of the password there, and the password: an entry that changes makes another MAC.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::secret_key::{Key, Mac};
use crate::userdb::Owner;

/// The most users that are remembered.
const MOST_USERS: usize = 16_384;

/// The passwords that were right.
pub(crate) struct Cache {
    key: Key,
    time: Duration,
    right: HashMap<Box<str>, Entry>,
}

struct Entry {
    mac: Mac,
    until: Instant,
    owner: Owner,
}

/// What a password was found right for.
#[derive(Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) user: &'a str,
    /// Which source of users.
    pub(crate) source: &'a [u8],
    /// What that source has of the password: the stored hash, or the version of what it asks.
    pub(crate) stored: &'a [u8],
    pub(crate) password: &'a [u8],
}

impl Cache {
    /// `None` if no time is to be remembered.
    pub(crate) fn new(key: Key, time: Duration) -> Option<Self> {
        (!time.is_zero()).then(|| Self { key, time, right: HashMap::new() })
    }

    /// Whose password this was found to be within the time.
    pub(crate) fn get(&self, claim: &Claim<'_>, now: Instant) -> Option<Owner> {
        let entry = self.right.get(claim.user).filter(|entry| now < entry.until)?;
        let same = entry.mac.as_slice().ct_eq(&self.mac(claim));
        bool::from(same).then(|| entry.owner.clone())
    }

    /// Remembers that the password was right.
    pub(crate) fn put(&mut self, claim: &Claim<'_>, owner: &Owner, now: Instant) {
        if self.right.len() >= MOST_USERS && !self.right.contains_key(claim.user) {
            self.right.retain(|_, entry| now < entry.until);
            if self.right.len() >= MOST_USERS {
                // Rather than to search for the oldest at each login: once in a while everyone pays again.
                self.right.clear();
            }
        }
        let entry = Entry { mac: self.mac(claim), until: now + self.time, owner: owner.clone() };
        self.right.insert(claim.user.into(), entry);
    }

    fn mac(&self, claim: &Claim<'_>) -> Mac {
        self.key.mac(&[claim.user.as_bytes(), claim.source, claim.stored, claim.password])
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} users)", self.right.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::UserName;
    use crate::userdb::{Mail, OwnerUid};

    const CLAIM: Claim<'_> = Claim { user: "alice", source: b"list", stored: b"$6$s$h", password: b"x" };

    fn owner(user: &str) -> Owner {
        let user = UserName::try_from(user.as_bytes()).unwrap();
        Owner {
            user,
            uid: OwnerUid::new(7).unwrap(),
            gid: None,
            own_uid: false,
            home: None,
            mail: Mail::BySettings,
        }
    }

    #[test]
    fn only_the_same_claim_is_remembered_and_not_for_ever() {
        let now = Instant::now();
        let mut cache = Cache::new(Key::random().unwrap(), Duration::from_secs(60)).unwrap();
        cache.put(&CLAIM, &owner("alice"), now);
        assert_eq!(cache.get(&CLAIM, now + Duration::from_secs(59)), Some(owner("alice")));
        for other in [
            Claim { user: "bob", ..CLAIM },
            Claim { source: b"other", ..CLAIM },
            Claim { stored: b"$6$s$i", ..CLAIM },
            Claim { password: b"y", ..CLAIM },
            // The same octets, parted elsewhere.
            Claim { stored: b"$6$s$", password: b"hx", ..CLAIM },
        ] {
            assert_eq!(cache.get(&other, now), None);
        }
        assert_eq!(cache.get(&CLAIM, now + Duration::from_secs(60)), None);
        cache.put(&Claim { password: b"new", ..CLAIM }, &owner("alice"), now);
        assert_eq!(cache.get(&CLAIM, now), None, "one password a user");
    }

    #[test]
    fn it_does_not_grow_beyond_its_bound() {
        let now = Instant::now();
        let mut cache = Cache::new(Key::random().unwrap(), Duration::from_secs(60)).unwrap();
        for nth in 0..=MOST_USERS {
            cache.put(&Claim { user: &format!("u{nth}"), ..CLAIM }, &owner("a"), now);
            assert!(cache.right.len() <= MOST_USERS);
        }
        assert!(cache.get(&Claim { user: &format!("u{MOST_USERS}"), ..CLAIM }, now).is_some());
    }

    #[test]
    fn no_time_is_no_cache() {
        assert!(Cache::new(Key::random().unwrap(), Duration::ZERO).is_none());
    }
}
