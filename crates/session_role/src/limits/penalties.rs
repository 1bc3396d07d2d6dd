//! Delays that slow down password guessing.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::network::Network;

/// The longest delay. `login_timeout` (60 s by default) should be longer.
const LONGEST: Duration = Duration::from_secs(30);

/// Failures are forgotten after this time without another one.
const MEMORY: Duration = Duration::from_secs(15 * 60);

/// The number of failures of an address, at any users, that count like one at a single user: there may be an
/// office behind the address.
const PER_ADDRESS: u32 = 10;

/// The size of the table: `BUCKETS` of `WAYS` slots, one megabyte.
const BUCKETS: usize = 1 << 13;
const WAYS: usize = 8;

/// Counts failed logins, by address and by address and user, and says how long the reply to each is to be
/// delayed.
///
/// The delay doubles with each failure of an address at a user, and with every tenth of an address at any
/// users. It does not depend on other addresses: nobody can slow down another client by guessing. IPv6
/// addresses count by /64.
///
/// The table has a fixed size. When it is full, the entries with the fewest failures are replaced.
///
/// It does no I/O and reads no clock: the caller passes the time. The caller also does the waiting, without
/// keeping an auth process busy:
/// 1. before a login is checked, [`Penalties::wait`], so that reconnecting does not shorten the delay;
/// 2. after it has failed, [`Penalties::failed`], before the reply is sent.
pub(crate) struct Penalties {
    first: Duration,
    started: Instant,
    hasher: RandomState,
    slots: Vec<[FailureSlot; WAYS]>,
}

/// The failures of one address, or of one address at one user. All zero: unused.
#[derive(Clone, Copy, Default)]
struct FailureSlot {
    /// A keyed hash of address and user, never 0. The key is secret: clients cannot choose names that
    /// collide.
    key: u64,
    failures: u32,
    /// When the last failure was, in seconds since the start.
    last: u32,
}

impl Penalties {
    /// `first` is the delay after a first failure (`auth_failure_delay`); zero turns all delays off.
    pub(crate) fn new(first: Duration, now: Instant) -> Self {
        let slots = vec![[FailureSlot::default(); WAYS]; BUCKETS];
        Self { first, started: now, hasher: RandomState::new(), slots }
    }

    /// How long an attempt that comes now must wait before it is checked: the rest of the last failure's
    /// delay.
    pub(crate) fn wait(&self, peer: IpAddr, user: &[u8], now: Instant) -> Duration {
        let now = self.seconds(now);
        let keys = self.keys(peer, user);
        let left = |slot: Option<FailureSlot>, delay: fn(&Self, u32) -> Duration| {
            slot.map_or(Duration::ZERO, |slot| {
                let since = Duration::from_secs(u64::from(now.saturating_sub(slot.last)));
                delay(self, slot.failures).saturating_sub(since)
            })
        };
        left(self.find(keys.user, now), Self::delay)
            .max(left(self.find(keys.address, now), Self::address_delay))
    }

    /// Records a failure, and returns how long the reply to it is to be delayed.
    pub(crate) fn failed(&mut self, peer: IpAddr, user: &[u8], now: Instant) -> Duration {
        let now = self.seconds(now);
        let keys = self.keys(peer, user);
        let (of_user, of_address) = (self.count(keys.user, now), self.count(keys.address, now));
        self.delay(of_user).max(self.address_delay(of_address))
    }

    /// Records a success: the failures of this address at this user are forgotten, its failures at others are
    /// not.
    pub(crate) fn succeeded(&mut self, peer: IpAddr, user: &[u8]) {
        let key = self.keys(peer, user).user;
        if let Some(slot) = self.bucket(key).iter_mut().find(|slot| slot.key == key) {
            *slot = FailureSlot::default();
        }
    }

    /// Doubles with each failure.
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

    fn keys(&self, peer: IpAddr, user: &[u8]) -> PenaltyKeys {
        let network = Network::of(peer);
        let hash = |of: (Network, Option<&[u8]>)| self.hasher.hash_one(of).max(1);
        PenaltyKeys { address: hash((network, None)), user: hash((network, Some(user))) }
    }

    fn find(&self, key: u64, now: u32) -> Option<FailureSlot> {
        let bucket = self.slots.get(bucket_of(key))?;
        bucket.iter().find(|slot| slot.key == key && !slot.is_forgotten(now)).copied()
    }

    fn count(&mut self, key: u64, now: u32) -> u32 {
        let bucket = self.bucket(key);
        let known = bucket.iter().position(|slot| slot.key == key);
        let fewest = |(_, slot): &(usize, &FailureSlot)| (!slot.is_forgotten(now), slot.failures, slot.last);
        let index = known.or_else(|| bucket.iter().enumerate().min_by_key(fewest).map(|(index, _)| index));
        let Some(slot) = index.and_then(|index| bucket.get_mut(index)) else { return 1 };
        if slot.key != key || slot.is_forgotten(now) {
            *slot = FailureSlot { key, ..FailureSlot::default() };
        }
        slot.failures = slot.failures.saturating_add(1);
        slot.last = now;
        slot.failures
    }

    fn bucket(&mut self, key: u64) -> &mut [FailureSlot] {
        self.slots.get_mut(bucket_of(key)).map_or(&mut [], |bucket| bucket.as_mut_slice())
    }
}

/// The keys of a failure in the table.
struct PenaltyKeys {
    address: u64,
    user: u64,
}

/// The lowest bits of the hash: `BUCKETS` is a power of two.
fn bucket_of(key: u64) -> usize {
    usize::try_from(key % (1 << BUCKETS.trailing_zeros())).unwrap_or(0)
}

impl FailureSlot {
    fn is_forgotten(&self, now: u32) -> bool {
        self.key == 0 || u64::from(now.saturating_sub(self.last)) > MEMORY.as_secs()
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
    fn guessing_at_many_users_is_slowed_down_too() {
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
        for nth in 0..4 * u128::try_from(BUCKETS * WAYS).unwrap() {
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
        /// The delays of one address do not depend on what others do.
        #[test]
        fn nobody_slows_another_address(
            events in proptest::collection::vec((0..4u8, 0..3u8, 0..100u64, any::<bool>()), 0..60)
        ) {
            let start = Instant::now();
            let (mut all, mut own) = (Penalties::new(FIRST, start), Penalties::new(FIRST, start));
            let mut now = start;
            for (host, user, later, failed) in events {
                now += secs(later);
                let (peer, user) = (address(&format!("192.0.2.{host}")), [user]);
                let step = |penalties: &mut Penalties| {
                    let wait = penalties.wait(peer, &user, now);
                    let held = if failed {
                        penalties.failed(peer, &user, now)
                    } else {
                        penalties.succeeded(peer, &user);
                        Duration::ZERO
                    };
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
