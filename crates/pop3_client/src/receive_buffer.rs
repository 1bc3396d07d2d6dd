//! What has been received and not used yet, cut into lines, status lines and bodies.

use memchr::memchr;
use pop3::{MultilineDecoder, ReplyError, ReplyKind, ReplyReader};

/// Octets that a new connection reads at a time.
const SMALL: usize = 4 * 1024;
/// Octets that a connection reads at a time once it downloads.
const LARGE: usize = 256 * 1024;

/// A receive buffer that grows only while reads fill it, so thousands of connections that only log in stay
/// small.
///
/// The caller reads into [`room`](Self::room), reports the octets with [`received`](Self::received), and
/// takes them out again as lines, status lines or the body of a multi-line reply.
#[derive(Debug)]
pub struct ReceiveBuffer {
    octets: Vec<u8>,
    start: usize,
    end: usize,
    /// Holds the beginning of a status line whose end has not arrived yet.
    replies: ReplyReader,
    /// The text of the last status line.
    text: Vec<u8>,
}

impl Default for ReceiveBuffer {
    fn default() -> Self {
        Self { octets: vec![0; SMALL], start: 0, end: 0, replies: ReplyReader::default(), text: Vec::new() }
    }
}

impl ReceiveBuffer {
    /// Discards the contents and keeps the memory, for the next connection.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        self.replies = ReplyReader::default();
    }

    /// The octets that have arrived and have not been taken out.
    pub fn unread(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Space to read into; never empty.
    pub fn room(&mut self) -> &mut [u8] {
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

    /// Reports that `count` octets were read into [`room`](Self::room).
    pub fn received(&mut self, count: usize) {
        self.end += count;
        if self.end == self.octets.len() && self.end < LARGE {
            self.octets.resize(2 * self.end, 0);
        }
    }

    /// Takes the next line out, with its LF; nothing while its end is missing.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        let end = memchr(b'\n', self.unread())?;
        let line = self.unread()[..=end].to_vec();
        self.consume(line.len());
        Some(line)
    }

    /// Takes everything out that has arrived.
    pub fn take(&mut self) -> Vec<u8> {
        let octets = self.unread().to_vec();
        self.consume(octets.len());
        octets
    }

    /// Takes the next status line out and returns how it begins; nothing while its end is missing. The text
    /// behind that is in [`status_text`](Self::status_text) from then on.
    ///
    /// # Errors
    ///
    /// What arrived is not a status line. It stays in [`unread`](Self::unread), as far as it came with the
    /// last read.
    pub fn status(&mut self) -> Result<Option<ReplyKind>, ReplyError> {
        let mut input = &self.octets[self.start..self.end];
        let offered = input.len();
        let kind = match self.replies.read(&mut input)? {
            Some(reply) => {
                self.text.clear();
                self.text.extend_from_slice(reply.text());
                Some(reply.kind())
            }
            None => None,
        };
        let used = if kind.is_some() { offered - input.len() } else { offered };
        self.consume(used);
        Ok(kind)
    }

    /// The text of the status line taken out last, without its indicator: `2 320` of `+OK 2 320`.
    pub fn status_text(&self) -> &[u8] {
        &self.text
    }

    /// Takes out what has arrived of the body of a multi-line reply, and hands its content to `sink`. True
    /// when the terminator was found; what follows it stays.
    pub fn body(&mut self, decoder: &mut MultilineDecoder, sink: impl FnMut(&[u8])) -> bool {
        let step = decoder.decode(self.unread(), sink);
        self.consume(step.consumed);
        step.ended
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut ReceiveBuffer, octets: &[u8]) {
        buffer.room()[..octets.len()].copy_from_slice(octets);
        buffer.received(octets.len());
    }

    #[test]
    fn what_is_received_is_read_in_order_and_full_reads_double_the_room() {
        let mut buffer = ReceiveBuffer::default();
        receive(&mut buffer, b"abc");
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
        let mut buffer = ReceiveBuffer::default();
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

    #[test]
    fn lines_keep_their_ends_and_a_half_line_stays() {
        let mut buffer = ReceiveBuffer::default();
        receive(&mut buffer, b"+OK\r\nbare\n.");
        assert_eq!(buffer.line().as_deref(), Some(&b"+OK\r\n"[..]));
        assert_eq!(buffer.line().as_deref(), Some(&b"bare\n"[..]));
        assert_eq!(buffer.line(), None);
        assert_eq!(buffer.take(), b".");
        assert!(buffer.unread().is_empty());
    }

    #[test]
    fn a_status_line_and_a_body_come_in_pieces() {
        let mut buffer = ReceiveBuffer::default();
        receive(&mut buffer, b"+OK 2 mes");
        assert_eq!(buffer.status().unwrap(), None);
        receive(&mut buffer, b"sages\r\n1 ");
        assert_eq!(buffer.status().unwrap(), Some(ReplyKind::Ok));
        assert_eq!(buffer.status_text(), b"2 messages");
        let (mut decoder, mut body) = (MultilineDecoder::default(), Vec::new());
        assert!(!buffer.body(&mut decoder, |run| body.extend_from_slice(run)));
        receive(&mut buffer, b"10\r\n..\r\n.\r\n-ERR\r\n");
        assert!(buffer.body(&mut decoder, |run| body.extend_from_slice(run)));
        assert_eq!(body, b"1 10\r\n.\r\n");
        assert_eq!(buffer.status().unwrap(), Some(ReplyKind::Err));
        assert_eq!(buffer.status_text(), b"");
        receive(&mut buffer, b"SSH-2.0-x\r\n");
        assert_eq!(buffer.status(), Err(ReplyError::NoStatus));
        assert_eq!(buffer.unread(), b"SSH-2.0-x\r\n");
    }
}
