//! The listings of maildrops, packed for the session role.
//!
//! A long listing travels as sealed memory (memfd_create(2)), which no process can change. So the next
//! session of an unchanged maildrop gets the same memory.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use ipc::{ListingBuilder, Payload};
use maildrop::Maildrop;

/// The most listings that are kept; each costs memory and a descriptor.
const MOST: usize = 8;

/// The long listings that were used last, the latest at the back.
#[derive(Default)]
pub(crate) struct PackedListings {
    kept: Mutex<VecDeque<([u8; 32], Arc<OwnedFd>)>>,
}

impl PackedListings {
    /// The packed listing of `mail`, and the descriptor to send along, if it needs one.
    ///
    /// # Errors
    ///
    /// What [`ListingBuilder::push`] and [`Payload::pack`] report.
    pub(crate) fn pack(&self, mail: &dyn Maildrop) -> io::Result<(Payload, Option<Arc<OwnedFd>>)> {
        let fingerprint = mail.fingerprint();
        if let Some(memory) = fingerprint.and_then(|fingerprint| self.find(&fingerprint)) {
            return Ok((Payload::Sealed, Some(memory)));
        }
        let mut listing = ListingBuilder::with_capacity(mail.count());
        for n in 1..=mail.count() {
            let message = mail.listing(n).ok_or(io::ErrorKind::NotFound)?;
            listing.push(message.octets, message.uidl.as_bytes())?;
        }
        let (payload, memory) = Payload::pack(listing.finish())?;
        let memory = memory.map(Arc::new);
        if let Some((fingerprint, memory)) = fingerprint.zip(memory.as_ref()) {
            self.keep(fingerprint, memory);
        }
        Ok((payload, memory))
    }

    fn find(&self, fingerprint: &[u8; 32]) -> Option<Arc<OwnedFd>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == fingerprint)?;
        let found = kept.remove(at)?;
        let memory = Arc::clone(&found.1);
        kept.push_back(found);
        Some(memory)
    }

    fn keep(&self, fingerprint: [u8; 32], memory: &Arc<OwnedFd>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((fingerprint, Arc::clone(memory)));
        if kept.len() > MOST {
            kept.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maildrop::{CommitError, FetchError, ListedMessage, MaildropUpdate, StoredMessage, Uidl};
    use std::os::fd::AsRawFd;

    /// A maildrop of `count` messages of `octets` octets each.
    struct FixedMaildrop {
        count: u32,
        octets: u64,
        fingerprint: Option<[u8; 32]>,
    }

    impl Maildrop for FixedMaildrop {
        fn count(&self) -> u32 {
            self.count
        }

        fn listing(&self, number: u32) -> Option<ListedMessage> {
            let uidl = Uidl::new(format!("{number}").as_bytes())?;
            (number <= self.count).then_some(ListedMessage { octets: self.octets, surrogate: None, uidl })
        }

        fn fingerprint(&self) -> Option<[u8; 32]> {
            self.fingerprint
        }

        fn fetch(&mut self, first: u32, _: u32) -> Result<Vec<StoredMessage>, FetchError> {
            Err(FetchError::NoSuchMessage { number: first })
        }

        fn commit(self: Box<Self>, _: MaildropUpdate<'_>) -> Result<(), CommitError> {
            Ok(())
        }
    }

    fn descriptor(listings: &PackedListings, mail: &FixedMaildrop) -> Option<i32> {
        let (payload, memory) = listings.pack(mail).unwrap();
        assert_eq!(memory.is_some(), payload == Payload::Sealed);
        if let Some(memory) = &memory {
            let octets = payload.unpack(Some(memory.try_clone().unwrap()), 1 << 30).unwrap();
            let listing = ipc::Listing::parse(octets).unwrap();
            assert_eq!((listing.count(), listing.octets(1)), (mail.count, mail.octets));
        }
        memory.map(|memory| memory.as_raw_fd())
    }

    #[test]
    fn an_unchanged_long_listing_is_packed_once() {
        let listings = PackedListings::default();
        let of = |octets: u64| FixedMaildrop {
            count: 10_000,
            octets,
            fingerprint: Some([u8::try_from(octets).unwrap(); 32]),
        };
        let first = descriptor(&listings, &of(1));
        assert!(first.is_some());
        let second = descriptor(&listings, &of(2));
        assert_ne!(first, second);
        assert_eq!(descriptor(&listings, &of(1)), first);
        assert_eq!(descriptor(&listings, &of(2)), second);
        for octets in 3..20 {
            descriptor(&listings, &of(octets));
            assert_eq!(descriptor(&listings, &of(1)), first, "used all the time");
        }
        assert_eq!(listings.kept.lock().unwrap().len(), MOST);
    }

    #[test]
    fn what_has_no_fingerprint_or_is_short_is_packed_each_time() {
        let listings = PackedListings::default();
        descriptor(&listings, &FixedMaildrop { count: 10_000, octets: 1, fingerprint: None });
        assert_eq!(
            descriptor(&listings, &FixedMaildrop { count: 10, octets: 1, fingerprint: Some([0; 32]) }),
            None
        );
        assert_eq!(listings.kept.lock().unwrap().len(), 0);
    }
}
