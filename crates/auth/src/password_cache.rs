//! Passwords that were recently right (`auth_cache`), so that a mail client that polls every minute does not
//! cost a yescrypt hash each time.
//!
//! A MAC is kept, under a key that this process drew at its start and never shows. It covers the user, the
//! source that knows the user, what that source has stored, and the password. So any change of the stored
//! entry invalidates the MAC.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

use subtle::ConstantTimeEq;

use crate::mac_key::{Mac, MacKey};
use crate::userdb::Owner;

/// The most users that are remembered.
const MOST_USERS: usize = 16_384;

/// The remembered passwords.
pub(crate) struct PasswordCache {
    key: MacKey,
    time: Duration,
    right: HashMap<Box<str>, RememberedPassword>,
}

struct RememberedPassword {
    mac: Mac,
    until: Instant,
    owner: Owner,
}

/// What is claimed when a password is checked.
#[derive(Clone, Copy)]
pub(crate) struct PasswordClaim<'a> {
    pub(crate) user: &'a str,
    /// The word of the source of users.
    pub(crate) source: &'a [u8],
    /// What the source knows about the password: the stored hash, or the version of the system that it asks.
    pub(crate) stored: &'a [u8],
    pub(crate) password: &'a [u8],
}

impl PasswordCache {
    /// `None` if the time is zero.
    pub(crate) fn new(key: MacKey, time: Duration) -> Option<Self> {
        (!time.is_zero()).then(|| Self { key, time, right: HashMap::new() })
    }

    /// The owner, if this password was right within the time.
    pub(crate) fn get(&self, claim: &PasswordClaim<'_>, now: Instant) -> Option<Owner> {
        let entry = self.right.get(claim.user).filter(|entry| now < entry.until)?;
        let same = entry.mac.as_slice().ct_eq(&self.mac(claim));
        bool::from(same).then(|| entry.owner.clone())
    }

    /// Remembers that this password was right.
    pub(crate) fn put(&mut self, claim: &PasswordClaim<'_>, owner: &Owner, now: Instant) {
        if self.right.len() >= MOST_USERS && !self.right.contains_key(claim.user) {
            self.right.retain(|_, entry| now < entry.until);
            if self.right.len() >= MOST_USERS {
                // Cheaper than searching for the oldest at each login: once in a while all passwords are
                // checked again.
                self.right.clear();
            }
        }
        let entry = RememberedPassword { mac: self.mac(claim), until: now + self.time, owner: owner.clone() };
        self.right.insert(claim.user.into(), entry);
    }

    fn mac(&self, claim: &PasswordClaim<'_>) -> Mac {
        self.key.mac(&[claim.user.as_bytes(), claim.source, claim.stored, claim.password])
    }
}

impl fmt::Debug for PasswordCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordCache({} users)", self.right.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::UserName;
    use crate::userdb::{OwnerUid, StatedMaildrop};

    const CLAIM: PasswordClaim<'_> =
        PasswordClaim { user: "alice", source: b"list", stored: b"$6$s$h", password: b"x" };

    fn owner(user: &str) -> Owner {
        let user = UserName::try_from(user.as_bytes()).unwrap();
        Owner {
            user,
            uid: OwnerUid::new(7).unwrap(),
            gid: None,
            own_uid: false,
            home: None,
            mail: StatedMaildrop::BySettings,
        }
    }

    #[test]
    fn only_the_same_claim_is_remembered_and_not_for_ever() {
        let now = Instant::now();
        let mut cache = PasswordCache::new(MacKey::random().unwrap(), Duration::from_secs(60)).unwrap();
        cache.put(&CLAIM, &owner("alice"), now);
        assert_eq!(cache.get(&CLAIM, now + Duration::from_secs(59)), Some(owner("alice")));
        for other in [
            PasswordClaim { user: "bob", ..CLAIM },
            PasswordClaim { source: b"other", ..CLAIM },
            PasswordClaim { stored: b"$6$s$i", ..CLAIM },
            PasswordClaim { password: b"y", ..CLAIM },
            // The same octets, divided differently.
            PasswordClaim { stored: b"$6$s$", password: b"hx", ..CLAIM },
        ] {
            assert_eq!(cache.get(&other, now), None);
        }
        assert_eq!(cache.get(&CLAIM, now + Duration::from_secs(60)), None);
        cache.put(&PasswordClaim { password: b"new", ..CLAIM }, &owner("alice"), now);
        assert_eq!(cache.get(&CLAIM, now), None, "one password per user");
    }

    #[test]
    fn it_does_not_grow_beyond_its_bound() {
        let now = Instant::now();
        let mut cache = PasswordCache::new(MacKey::random().unwrap(), Duration::from_secs(60)).unwrap();
        for nth in 0..=MOST_USERS {
            cache.put(&PasswordClaim { user: &format!("u{nth}"), ..CLAIM }, &owner("a"), now);
            assert!(cache.right.len() <= MOST_USERS);
        }
        assert!(cache.get(&PasswordClaim { user: &format!("u{MOST_USERS}"), ..CLAIM }, now).is_some());
    }

    #[test]
    fn no_time_is_no_cache() {
        assert!(PasswordCache::new(MacKey::random().unwrap(), Duration::ZERO).is_none());
    }
}
