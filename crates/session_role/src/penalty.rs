//! Delays for those who guess passwords.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::network::Network;

/// The longest delay. The session's `login_timeout` (60 s unless set otherwise) should be longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Who has not failed for so long is forgotten.
const MEMORY: Duration = Duration::from_secs(15 * 60);

/// How many failures of an address at any users count like one at a single user: behind one address there may be an office.
const PER_ADDRESS: u32 = 10;

/// The table has so many buckets of so many slots: one megabyte.
const BUCKETS: usize = 1 << 13;
const WAYS: usize = 8;

/// Counts failed logins, by address and by address and user, and says how long each answer is to be held back.
///
/// The delay doubles with each failure of an address at a user, and with every tenth of an address at any users. It depends on
/// nothing that another address does: nobody can slow somebody else down by guessing. IPv6 addresses count by /64.
///
/// The table has a fixed size. When more guess than it holds, those with the fewest failures make room.
///
/// No I/O and no clock: the caller passes the time. A delay is the caller's to wait for, without holding an auth process:
/// 1. before a login is judged, [`Penalties::wait`], so that hanging up and coming again does not shorten anything;
/// 2. after it has failed, [`Penalties::failed`], before the answer is sent.
pub(crate) struct Penalties {
    first: Duration,
    started: Instant,
    hasher: RandomState,
    slots: Vec<[Slot; WAYS]>,
}

/// What is remembered of one guesser. All zero: nothing.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// A keyed hash of who it is, never 0: outsiders cannot choose names that collide.
    who: u64,
    failures: u32,
    /// When the last failure was, in seconds since the start.
    last: u32,
}

impl Penalties {
    /// `first` is the delay after a first failure (`auth_failure_delay`); zero means that there is never one.
    pub(crate) fn new(first: Duration, now: Instant) -> Self {
        let slots = vec![[Slot::default(); WAYS]; BUCKETS];
        Self { first, started: now, hasher: RandomState::new(), slots }
    }

    /// How long an attempt that comes now must wait before it is judged: what is left of the last failure's delay.
    pub(crate) fn wait(&self, peer: IpAddr, user: &[u8], now: Instant) -> Duration {
        let now = self.seconds(now);
        let keys = self.keys(peer, user);
        let left = |slot: Option<Slot>, delay: fn(&Self, u32) -> Duration| {
            slot.map_or(Duration::ZERO, |slot| {
                let since = Duration::from_secs(u64::from(now.saturating_sub(slot.last)));
                delay(self, slot.failures).saturating_sub(since)
            })
        };
        left(self.find(keys.user, now), Self::delay)
            .max(left(self.find(keys.address, now), Self::address_delay))
    }

    /// Notes a failure, and says how long the answer to it is to be held back.
    pub(crate) fn failed(&mut self, peer: IpAddr, user: &[u8], now: Instant) -> Duration {
        let now = self.seconds(now);
        let keys = self.keys(peer, user);
        let (of_user, of_address) = (self.count(keys.user, now), self.count(keys.address, now));
        self.delay(of_user).max(self.address_delay(of_address))
    }

    /// Notes a success: the failures of this address at this user are forgotten, its failures at others are not.
    pub(crate) fn succeeded(&mut self, peer: IpAddr, user: &[u8]) {
        let key = self.keys(peer, user).user;
        if let Some(slot) = self.bucket(key).iter_mut().find(|slot| slot.who == key) {
            *slot = Slot::default();
        }
    }

    /// Twice as long with each failure.
    fn delay(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(LONGEST.max(self.first))
    }

    fn address_delay(&self, failures: u32) -> Duration {
        self.delay(failures / PER_ADDRESS)
    }

    fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.started).as_secs()).unwrap_or(u32::MAX)
    }

    fn keys(&self, peer: IpAddr, user: &[u8]) -> Keys {
        let network = Network::of(peer);
        let hash = |who: (Network, Option<&[u8]>)| self.hasher.hash_one(who).max(1);
        Keys { address: hash((network, None)), user: hash((network, Some(user))) }
    }

    fn find(&self, who: u64, now: u32) -> Option<Slot> {
        let bucket = self.slots.get(place(who))?;
        bucket.iter().find(|slot| slot.who == who && !slot.is_forgotten(now)).copied()
    }

    fn count(&mut self, who: u64, now: u32) -> u32 {
        let bucket = self.bucket(who);
        let known = bucket.iter().position(|slot| slot.who == who);
        let fewest = |(_, slot): &(usize, &Slot)| (!slot.is_forgotten(now), slot.failures, slot.last);
        let place = known.or_else(|| bucket.iter().enumerate().min_by_key(fewest).map(|(nth, _)| nth));
        let Some(slot) = place.and_then(|place| bucket.get_mut(place)) else { return 1 };
        if slot.who != who || slot.is_forgotten(now) {
            *slot = Slot { who, ..Slot::default() };
        }
        slot.failures = slot.failures.saturating_add(1);
        slot.last = now;
        slot.failures
    }

    fn bucket(&mut self, who: u64) -> &mut [Slot] {
        self.slots.get_mut(place(who)).map_or(&mut [], |bucket| bucket.as_mut_slice())
    }
}

/// Under which keys a guesser is remembered.
struct Keys {
    address: u64,
    user: u64,
}

fn place(who: u64) -> usize {
    usize::try_from(who % BUCKETS as u64).unwrap_or(0)
}

impl Slot {
    fn is_forgotten(&self, now: u32) -> bool {
        self.who == 0 || u64::from(now.saturating_sub(self.last)) > MEMORY.as_secs()
    }
}

impl std::fmt::Debug for Penalties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Penalties(first {:?})", self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIRST: Duration = Duration::from_secs(2);

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_delay_grows_to_its_bound_and_is_forgotten() {
        let start = Instant::now();
        let mut penalties = Penalties::new(FIRST, start);
        let peer = address("192.0.2.1");
        let delays: Vec<_> = (0..7).map(|_| penalties.failed(peer, b"alice", start).as_secs()).collect();
        assert_eq!(delays, [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(penalties.failed(peer, b"alice", start + MEMORY), LONGEST);
        assert_eq!(penalties.failed(peer, b"alice", start + 2 * MEMORY + secs(1)), FIRST);
    }

    #[test]
    fn another_user_another_address_and_a_success_begin_anew() {
        let now = Instant::now();
        let mut penalties = Penalties::new(FIRST, now);
        let peer = address("192.0.2.1");
        for _ in 0..5 {
            penalties.failed(peer, b"alice", now);
        }
        assert_eq!(penalties.failed(address("192.0.2.2"), b"alice", now), FIRST);
        assert_eq!(penalties.failed(peer, b"bob", now), FIRST);
        penalties.succeeded(peer, b"alice");
        assert_eq!(penalties.failed(peer, b"alice", now), FIRST);
    }

    #[test]
    fn whoever_tries_many_users_is_slowed_too() {
        let now = Instant::now();
        let mut penalties = Penalties::new(FIRST, now);
        let mut delay =
            |nth: u32| penalties.failed(address("2001:db8::1"), format!("u{nth}").as_bytes(), now);
        let delays: Vec<_> = (0..60).map(&mut delay).map(|delay| delay.as_secs()).collect();
        assert_eq!(delays[..19], [2; 19]);
        assert_eq!((delays[19], delays[29], delays[39], delays[59]), (4, 8, 16, 30));
        // The /64 is one client.
        assert_eq!(penalties.failed(address("2001:db8::2"), b"x", now), LONGEST);
        assert_eq!(penalties.failed(address("2001:db8:0:1::2"), b"x", now), FIRST);
    }

    #[test]
    fn hanging_up_does_not_shorten_the_delay() {
        let start = Instant::now();
        let mut penalties = Penalties::new(FIRST, start);
        let peer = address("192.0.2.1");
        assert_eq!(penalties.wait(peer, b"alice", start), Duration::ZERO);
        penalties.failed(peer, b"alice", start);
        penalties.failed(peer, b"alice", start);
        assert_eq!(penalties.wait(peer, b"alice", start + secs(1)), secs(3));
        assert_eq!(penalties.wait(peer, b"alice", start + secs(4)), Duration::ZERO);
        assert_eq!(penalties.wait(peer, b"bob", start), Duration::ZERO);
        assert_eq!(penalties.wait(address("192.0.2.2"), b"alice", start), Duration::ZERO);
    }

    #[test]
    fn a_flood_of_guessers_does_not_wash_out_the_worst() {
        let now = Instant::now();
        let mut penalties = Penalties::new(FIRST, now);
        let worst = address("192.0.2.1");
        for _ in 0..3 {
            penalties.failed(worst, b"alice", now);
        }
        for nth in 0..4 * (BUCKETS * WAYS) as u128 {
            let peer = IpAddr::V6((0x2001_0db8_u128 << 96 | nth << 64).into());
            penalties.failed(peer, b"alice", now);
        }
        assert_eq!(penalties.failed(worst, b"alice", now), secs(16));
    }

    #[test]
    fn no_first_delay_is_no_delay() {
        let now = Instant::now();
        let mut penalties = Penalties::new(Duration::ZERO, now);
        for _ in 0..100 {
            assert_eq!(penalties.failed(address("::1"), b"a", now), Duration::ZERO);
        }
    }

    proptest! {
        /// What one address is made to wait does not depend on what others do.
        #[test]
        fn nobody_slows_another_address(events in proptest::collection::vec((0..4u8, 0..3u8, 0..100u64, any::<bool>()), 0..60)) {
            let start = Instant::now();
            let (mut all, mut own) = (Penalties::new(FIRST, start), Penalties::new(FIRST, start));
            let mut now = start;
            for (host, user, later, failed) in events {
                now += secs(later);
                let (peer, user) = (address(&format!("192.0.2.{host}")), [user]);
                let step = |penalties: &mut Penalties| {
                    let wait = penalties.wait(peer, &user, now);
                    let held = if failed { penalties.failed(peer, &user, now) } else { penalties.succeeded(peer, &user); Duration::ZERO };
                    prop_assert!(wait <= LONGEST && held <= LONGEST);
                    Ok((wait, held))
                };
                let here = step(&mut all)?;
                if host == 0 {
                    prop_assert_eq!(here, step(&mut own)?);
                }
            }
        }
    }
}
