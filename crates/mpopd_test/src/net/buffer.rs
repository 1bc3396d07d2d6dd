//! What was received and not used yet.

/// A new connection reads so many octets at a time.
const SMALL: usize = 4 * 1024;
/// One that downloads comes to read so many.
const LARGE: usize = 256 * 1024;

/// A receive buffer that grows only for those who fill it: thousands of connections that only log in stay small.
#[derive(Debug)]
pub(crate) struct Buffer {
    octets: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { octets: vec![0; SMALL], start: 0, end: 0 }
    }

    /// Forgets what is in it, keeping the memory.
    pub(crate) fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
    }

    /// What came and was not consumed.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Takes the first `count` octets of [`Buffer::unread`] away.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    /// Room to read into; never empty.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if self.end == self.octets.len() {
            self.octets.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.octets.len() {
                self.octets.resize(2 * self.end, 0);
            }
        }
        &mut self.octets[self.end..]
    }

    /// `count` octets were read into [`Buffer::room`].
    pub(crate) fn received(&mut self, count: usize) {
        self.end += count;
        if self.end == self.octets.len() && self.end < LARGE {
            self.octets.resize(2 * self.end, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_received_is_read_in_order_and_full_reads_double_the_room() {
        let mut buffer = Buffer::new();
        buffer.room()[..3].copy_from_slice(b"abc");
        buffer.received(3);
        buffer.consume(1);
        assert_eq!(buffer.unread(), b"bc");
        let room = buffer.room().len();
        assert_eq!(room, SMALL - 3);
        buffer.received(room);
        assert_eq!((buffer.unread().len(), buffer.octets.len()), (SMALL - 1, 2 * SMALL));
        buffer.consume(SMALL);
        assert_eq!((buffer.unread().len(), buffer.room().len()), (0, 2 * SMALL));
    }

    #[test]
    fn there_is_always_room() {
        let mut buffer = Buffer::new();
        for _ in 0..10 {
            let room = buffer.room().len();
            assert!(room > 0);
            buffer.received(room);
        }
        let kept = buffer.unread().len();
        buffer.consume(10);
        assert!(!buffer.room().is_empty());
        assert_eq!(buffer.unread().len(), kept - 10);
    }
}
