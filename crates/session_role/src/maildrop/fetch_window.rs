//! The bodies that are likely to be wanted next, fetched ahead.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use ipc::mail::{BodyExtent, MOST_WINDOW};

use super::body::MessageBody;

/// The bodies at hand.
#[derive(Default)]
pub(super) struct FetchWindow {
    /// The number of the first message of `extents`.
    first: u32,
    extents: Vec<BodyExtent>,
    /// Closed as soon as the client is past them.
    descriptors: Vec<Option<Arc<OwnedFd>>>,
    /// The last message that was wanted.
    last: u32,
    /// The number of bodies to fetch at a time: doubles while the client reads one message after the next.
    size: u32,
}

impl FetchWindow {
    /// The body of a message in the window. Descriptors before it are closed.
    pub(super) fn take(&mut self, message: u32) -> Option<MessageBody> {
        let at = usize::try_from(message.checked_sub(self.first)?).ok()?;
        let extent = self.extents.get(at)?;
        let used = usize::from(extent.descriptor);
        for passed in self.descriptors.iter_mut().take(used) {
            *passed = None;
        }
        let descriptor = self.descriptors.get(used)?.clone()?;
        self.last = message;
        Some(MessageBody {
            descriptor,
            offset: extent.offset,
            length: extent.length,
            prefix: extent.prefix.clone(),
        })
    }

    /// The number of bodies to fetch now that `message` is not in the window.
    pub(super) fn widen(&mut self, message: u32) -> u32 {
        let sequential = self.last != 0 && message == self.last.saturating_add(1);
        self.size = if sequential { (self.size * 2).clamp(1, MOST_WINDOW) } else { 1 };
        self.last = message;
        self.size
    }

    /// Replaces the bodies by those of message `first` and the following ones.
    pub(super) fn fill(&mut self, first: u32, extents: Vec<BodyExtent>, descriptors: Vec<OwnedFd>) {
        self.first = first;
        self.extents = extents;
        self.descriptors = descriptors.into_iter().map(|descriptor| Some(Arc::new(descriptor))).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn window(first: u32, descriptors: &[u8]) -> FetchWindow {
        let fd = || Some(Arc::new(OwnedFd::from(File::open("/dev/null").unwrap())));
        let count = descriptors.iter().max().map_or(0, |most| usize::from(*most) + 1);
        FetchWindow {
            first,
            extents: descriptors.iter().map(|descriptor| extent(*descriptor)).collect(),
            descriptors: (0..count).map(|_| fd()).collect(),
            ..FetchWindow::default()
        }
    }

    fn extent(descriptor: u8) -> BodyExtent {
        BodyExtent { descriptor, offset: 0, length: 1, prefix: Vec::new() }
    }

    #[test]
    fn a_reader_in_sequence_gets_doubling_windows() {
        let mut window = FetchWindow::default();
        let mut sizes = Vec::new();
        for message in 1..=8 {
            sizes.push(window.widen(message));
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(window.widen(3), 1, "a jump starts over");
    }

    #[test]
    fn descriptors_behind_the_reader_are_closed() {
        let mut window = window(5, &[0, 1, 2]);
        assert!(window.take(6).is_some());
        assert!(window.take(6).is_some(), "TOP and RETR of the same message");
        assert!(window.take(5).is_none(), "its descriptor is closed");
        assert!(window.take(4).is_none() && window.take(8).is_none());
        assert!(window.take(7).is_some());
    }

    #[test]
    fn one_descriptor_serves_a_whole_mbox() {
        let mut window = window(1, &[0, 0, 0]);
        for message in [3, 1, 2] {
            assert!(window.take(message).is_some());
        }
    }
}
