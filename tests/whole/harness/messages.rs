//! Messages of every shape that has ever broken a POP3 server, and what a client must receive for each.

/// A message as a delivery agent left it in the mailbox.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    /// What a client receives, before dot-stuffing: every line ends in CRLF, and a missing last newline is
    /// supplied.
    pub(crate) fn wire(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + self.0.len() / 20);
        for line in self.0.split_inclusive(|&b| b == b'\n') {
            let text = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
            out.extend_from_slice(text);
            out.extend_from_slice(b"\r\n");
        }
        out
    }

    /// What a client that stores lines with LF keeps.
    pub(crate) fn lf(&self) -> Vec<u8> {
        let mut out = self.wire();
        let mut previous = 0;
        // CRLF becomes LF; a CR elsewhere stays.
        let mut kept = Vec::with_capacity(out.len());
        for byte in out.drain(..) {
            if byte == b'\n' && previous == b'\r' {
                kept.pop();
            }
            kept.push(byte);
            previous = byte;
        }
        kept
    }
}

/// The longest line in [`ordinary`], in octets.
pub(crate) const LONGEST_LINE: usize = 100_000;

/// Messages that every mail program handles. The last one has no newline at its end, which an mbox allows
/// only there.
pub(crate) fn ordinary() -> Vec<Message> {
    ordinary_with(LONGEST_LINE)
}

/// The same with no line longer than `longest` octets.
pub(crate) fn ordinary_with(longest: usize) -> Vec<Message> {
    let (one, two) = (vec![b'x'; longest], vec![b'y'; longest - 1]);
    let long = [&b"Subject: long lines\n\n"[..], &one, b"\n.", &two, b"\nend\n"].concat();
    [
        &b"From: a@example.org\nSubject: plain\nMessage-ID: <1@example.org>\n\nHello.\n"[..],
        b"Subject: dots at line starts\n\n.\n..\n.dot\n...three\nend .\n.\n",
        b"Subject: quoted From\n\n>From here\nno blank line before this\nFrom inside\n>>From twice\n",
        b"Subject: eight bits\n\ncaf\xe9 caf\xc3\xa9 \xff\xfe\x80\n",
        &long,
        b"Subject: empty body\n\n",
        b"Subject: header only\n",
        b"Subject: stored with CRLF\r\n\r\none\r\n.two\r\n\r\n>From three\r\n",
        b"Subject: blank lines and spaces\n\n\n\nspaces  \ttab\t\n  \nend\n\n\n",
        b"Subject: a folded\n\theader\n\nbody\n",
        b"Subject: no newline at the end\n\nlast line",
    ]
    .map(|bytes| Message(bytes.to_vec()))
    .to_vec()
}

/// Messages that some mail programs damage, with NUL, every octet, and CR alone; and the ordinary ones after
/// them.
pub(crate) fn nasty() -> Vec<Message> {
    let every_byte: Vec<u8> = (0..=255).filter(|&b| b != b'\n').collect();
    let mut messages = vec![
        Message(b"Subject: NUL\n\nbefore\0after\n\0\n".to_vec()),
        Message([&b"Subject: every byte\n\n"[..], &every_byte, b"\n"].concat()),
        Message(b"Subject: bare CR\n\none\rtwo\r\r\nthree\n\r\r\r\n.\r\n".to_vec()),
        Message(b".starts with a dot\n\n.\n".to_vec()),
        Message(b"Subject: an empty field\nX-Empty:\n\nbody\n".to_vec()),
    ];
    messages.extend(ordinary());
    messages
}

/// A mailbox after years of use: `count` different messages of some hundred to some ten thousand octets, the
/// same in every run.
pub(crate) fn archive(count: usize) -> Vec<Message> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    (0..count).map(|number| archived(number, &mut random)).collect()
}

/// Pseudo-random numbers, the same in every run (xorshift64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number from 0 to `end` - 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("a number of 64 bits");
        usize::try_from(self.next() % end).expect("a number below another")
    }
}

fn archived(number: usize, random: &mut Random) -> Message {
    const WORDS: [&str; 12] =
        ["the", "mail", "of", "years", "and", "a", "list", "that", "nobody", "reads", "any", "more."];
    let mut text = format!(
        "Return-Path: <list-{number}@example.net>\nReceived: from mx.example.net ([192.0.2.{}])\n\tby \
         mail.example.org; \
         Mon, 23 Nov 2026 10:00:00 +0000\nFrom: s{number}@example.net\nSubject: number {number}\nMessage-ID: \
         <{number}.{:x}@example.net>\n\n",
        random.below(250),
        random.next()
    );
    // Most are short, and some are long.
    let lines = random.below(40) + if random.below(20) == 0 { random.below(600) } else { 0 };
    for _ in 0..lines {
        match random.below(40) {
            0 => text.push('.'),
            1 => text.push_str(".\n.."),
            2 => text.push_str(">From "),
            3 => text.push('\r'),
            4 => (),
            _ => {
                for _ in 0..random.below(14) {
                    text.push_str(WORDS[random.below(WORDS.len())]);
                    text.push(' ');
                }
            }
        }
        text.push('\n');
    }
    Message(text.into_bytes())
}

#[test]
fn what_a_client_receives_ends_every_line_with_crlf() {
    let wire = |stored: &[u8]| Message(stored.to_vec()).wire();
    assert_eq!(wire(b"a\nb"), b"a\r\nb\r\n");
    assert_eq!(wire(b"a\r\n\nb\rc\n"), b"a\r\n\r\nb\rc\r\n");
    assert_eq!(wire(b""), b"");
    assert_eq!(Message(b"a\r\nb\rc\nd".to_vec()).lf(), b"a\nb\rc\nd\n");
}
