//! The client's side of multi-line replies.

use memchr::memmem::Finder;

/// Decodes the body of a multi-line reply, chunk by chunk (RFC 1939, section 3): removes stuffed dots and
/// finds the terminator. Line ends stay as they are; a bare LF counts as one.
#[derive(Debug, Default)]
pub struct MultilineDecoder {
    at: DecodePosition,
    lone_dots: u64,
}

/// The result of [`MultilineDecoder::decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Number of octets used. Those that follow belong to the next reply.
    pub consumed: usize,
    /// Whether the terminator was found.
    pub ended: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum DecodePosition {
    #[default]
    LineStart,
    /// The line began with a dot, either a stuffed one or that of the terminator.
    Dot,
    /// The line began with a dot and a CR.
    DotCr,
    Inside,
    Ended,
}

impl MultilineDecoder {
    /// Decodes a chunk and passes the content to `sink`, in runs as long as possible and without copying.
    pub fn decode(&mut self, input: &[u8], mut sink: impl FnMut(&[u8])) -> Decoded {
        let stuffing = Finder::new(b"\n.");
        let mut rest = input;
        while let (false, Some(&next)) = (matches!(self.at, DecodePosition::Ended), rest.first()) {
            let taken = match (self.at, next) {
                (DecodePosition::LineStart, b'.') => self.step(DecodePosition::Dot),
                (DecodePosition::Dot, b'\r') => self.step(DecodePosition::DotCr),
                (DecodePosition::Dot | DecodePosition::DotCr, b'\n') => self.step(DecodePosition::Ended),
                (DecodePosition::DotCr, _) => {
                    self.lone_dots += 1;
                    sink(b"\r");
                    self.at = DecodePosition::Inside;
                    0
                }
                (
                    DecodePosition::LineStart
                    | DecodePosition::Dot
                    | DecodePosition::Inside
                    | DecodePosition::Ended,
                    _,
                ) => {
                    self.lone_dots += u64::from(matches!(self.at, DecodePosition::Dot) && next != b'.');
                    let run = stuffing.find(rest).map_or(rest, |end| &rest[..=end]);
                    sink(run);
                    self.at =
                        if run.ends_with(b"\n") { DecodePosition::LineStart } else { DecodePosition::Inside };
                    run.len()
                }
            };
            rest = &rest[taken..];
        }
        Decoded { consumed: input.len() - rest.len(), ended: matches!(self.at, DecodePosition::Ended) }
    }

    /// Number of lines so far that began with a single dot and went on. A server must double such a dot (RFC
    /// 1939, section 3); the decoder removed it all the same.
    pub fn lone_dots(&self) -> u64 {
        self.lone_dots
    }

    /// Skips one octet that is not content.
    fn step(&mut self, at: DecodePosition) -> usize {
        self.at = at;
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The content and what follows the terminator, having checked that single octets give the same.
    fn decoded(input: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let run = |size: usize| {
            let (mut decoder, mut content) = (MultilineDecoder::default(), Vec::new());
            let mut used = 0;
            for chunk in input.chunks(size) {
                let step = decoder.decode(chunk, |run| content.extend_from_slice(run));
                used += step.consumed;
                if step.ended {
                    return (content, Some(input[used..].to_vec()));
                }
                assert_eq!(step.consumed, chunk.len());
            }
            (content, None)
        };
        let whole = run(input.len().max(1));
        assert_eq!(whole, run(1));
        whole
    }

    #[test]
    fn the_terminator_ends_the_body_and_the_next_reply_stays() {
        assert_eq!(decoded(b"a\r\n.\r\n+OK"), (b"a\r\n".to_vec(), Some(b"+OK".to_vec())));
        assert_eq!(decoded(b".\r\n"), (vec![], Some(vec![])));
        assert_eq!(decoded(b"a\r\n"), (b"a\r\n".to_vec(), None));
    }

    #[test]
    fn a_bare_lf_ends_a_line_too() {
        assert_eq!(decoded(b"a\n..b\n.\n+OK"), (b"a\n.b\n".to_vec(), Some(b"+OK".to_vec())));
    }

    #[test]
    fn stuffed_dots_go_and_others_stay() {
        assert_eq!(decoded(b"..\r\n...\r\n.a.\r\n.\r\n").0, b".\r\n..\r\na.\r\n");
        assert_eq!(decoded(b".\rx\r\n.\r\n").0, b"\rx\r\n");
        assert_eq!(decoded(b".\r\r\n.\r\n").0, b"\r\r\n");
    }

    #[test]
    fn dots_that_were_not_doubled_are_counted() {
        let lone_dots = |input: &[u8]| {
            let mut decoder = MultilineDecoder::default();
            decoder.decode(input, |_| {});
            decoder.lone_dots()
        };
        assert_eq!(lone_dots(b"..\r\n...a\r\n.\r\n"), 0);
        assert_eq!(lone_dots(b".a\r\n..b\r\n.\rc\r\n.\r\n"), 2);
    }

    #[test]
    fn an_ended_decoder_takes_nothing() {
        let mut decoder = MultilineDecoder::default();
        decoder.decode(b".\r\n", |_| {});
        assert_eq!(decoder.decode(b"+OK\r\n", |_| {}), Decoded { consumed: 0, ended: true });
    }
}
