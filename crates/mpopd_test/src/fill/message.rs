//! A mail as it may arrive: with trace headers, with parts and attachments, and with everything that trips up
//! POP3 servers.

use std::fmt::Write;

use super::random::Random;

const WORDS: &str = "mail server queue letter morning answer please find attached the report of last week \
    and thank you for waiting we will meet on monday at noon in the small room bring your notes about \
    postage stamps harbour lights winter garden bicycle repair because nobody knows when the old printer \
    stops working again though somebody said it prefers warm paper regards until then have a good journey";
/// Lines that POP3, mbox or a careless server treats specially.
const TRAPS: [&str; 12] = [
    ".",
    "..",
    "...and so on",
    ".profile is a file",
    "From here it is not far",
    ">From a quoted mail",
    ">>From one quoted twice",
    "+OK this is no answer",
    "-ERR neither is this",
    "QUIT",
    "",
    "Grüße aus Köln, 12 €",
];
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A mail with LF line ends, as a delivery agent leaves it.
#[derive(Debug)]
pub(crate) struct GeneratedMail {
    text: String,
    pub(crate) envelope_sender: String,
    /// The date of an mbox `From ` line, as asctime(3) writes it.
    pub(crate) mbox_date: String,
    /// Seconds since 1970.
    pub(crate) delivered: u64,
}

impl GeneratedMail {
    /// Mail number `index` of `user`, of a roughly log-normal size around `median` octets.
    pub(crate) fn new(random: &mut Random, user: &str, index: u32, median: u32) -> Self {
        let size = random.size(median).clamp(300, 30_000_000);
        let sender = format!("{}.{}@example.net", word(random), random.below(1000));
        // All on one day, a Monday in November 2026, since there is no calendar here.
        let second = index % 86_400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let clock = format!("{hour:02}:{minute:02}:{second:02}");
        let mut text = String::with_capacity(size + 1024);
        header(&mut text, random, user, &sender, &clock);
        body(&mut text, random, size);
        Self {
            text,
            envelope_sender: sender,
            mbox_date: format!("Mon Nov 23 {clock} 2026"),
            delivered: 1_795_392_000 + u64::from(index % 86_400),
        }
    }

    /// The text as stored in an mbox: `From ` at a line's start quoted, after any quoting there is (mboxrd),
    /// with a newline at the end.
    pub(crate) fn in_mbox(&self) -> Vec<u8> {
        let mut out = String::with_capacity(self.text.len() + 64);
        for line in self.text.lines() {
            if line.trim_start_matches('>').starts_with("From ") {
                out.push('>');
            }
            out.push_str(line);
            out.push('\n');
        }
        out.into_bytes()
    }

    /// The text as stored in a Maildir: sometimes without a newline at the end, and sometimes with CRLF.
    pub(crate) fn in_maildir(&self, random: &mut Random) -> Vec<u8> {
        let mut text = self.text.clone();
        if random.once_in(30) {
            text = text.replace('\n', "\r\n");
        }
        if random.once_in(20) {
            text.truncate(text.trim_end().len());
        }
        text.into_bytes()
    }
}

fn header(out: &mut String, random: &mut Random, user: &str, sender: &str, clock: &str) {
    let mut field = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name}: {value}");
    };
    let to = if user.contains('@') { user.to_owned() } else { format!("{user}@example.org") };
    field("Return-Path", &format!("<{sender}>"));
    field("Delivered-To", &to);
    for hop in 0..1 + random.below(4) {
        let (address, id) = (1 + random.below(254), random.next() >> 24);
        let from = format!("from mx{hop}.example.net (mx{hop}.example.net [192.0.2.{address}])");
        let by = format!("by mail.example.org with ESMTPS id {id:010X}");
        field("Received", &format!("{from}\n\t{by}\n\tfor <{to}>; Mon, 23 Nov 2026 {clock} +0000"));
    }
    if random.below(3) > 0 {
        let signature: Vec<String> = (0..4).map(|_| base64_line(random, 64)).collect();
        let tags = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=2026";
        field("DKIM-Signature", &format!("{tags};\n\tb={}", signature.join("\n\t ")));
    }
    let subject = match random.once_in(6) {
        true => "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=".to_owned(),
        false => (0..2 + random.below(6)).map(|_| word(random)).collect::<Vec<_>>().join(" "),
    };
    field("From", &format!("{} <{sender}>", word(random)));
    field("To", &to);
    field("Subject", &subject);
    field("Date", &format!("Mon, 23 Nov 2026 {clock} +0000"));
    field("Message-ID", &format!("<{:016x}.{:08x}@example.net>", random.next(), random.next() >> 32));
    field("MIME-Version", "1.0");
}

fn body(out: &mut String, random: &mut Random, size: usize) {
    if random.once_in(40) {
        out.push_str("Content-Type: text/plain\n\n");
        return;
    }
    if size < 5_000 {
        out.push_str("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n");
        prose(out, random, size);
        return;
    }
    let boundary = format!("=_{:016x}", random.next());
    let shown = (size / 4).min(6_000);
    let _ =
        writeln!(out, "Content-Type: multipart/mixed; boundary=\"{boundary}\"\n\nThis is a mail with parts.");
    let _ = writeln!(out, "--{boundary}\nContent-Type: text/plain; charset=utf-8\n");
    prose(out, random, out.len() + shown);
    if random.once_in(3) {
        let _ = writeln!(out, "--{boundary}\nContent-Type: text/html; charset=utf-8");
        out.push_str("Content-Transfer-Encoding: quoted-printable\n\n");
        quoted_printable(out, random, out.len() + shown);
    }
    let _ = writeln!(out, "--{boundary}\nContent-Type: application/pdf; name=\"{}.pdf\"", word(random));
    out.push_str("Content-Transfer-Encoding: base64\n\n");
    while out.len() < size {
        out.push_str(&base64_line(random, 76));
        out.push('\n');
    }
    let _ = writeln!(out, "--{boundary}--");
}

/// Adds lines of text, with a trap now and then, until `out` has `end` octets.
fn prose(out: &mut String, random: &mut Random, end: usize) {
    while out.len() < end {
        match random.below(400) {
            0..20 => out.push_str(random.pick(&TRAPS)),
            // Longer than the 998 octets of SMTP, as programs write that do not use it.
            20 => sentence(out, random, 1000, 4000),
            _ => sentence(out, random, 30, 45),
        }
        out.push('\n');
    }
}

/// Adds at least `least` octets, and at random up to `more` of them.
fn sentence(out: &mut String, random: &mut Random, least: usize, more: usize) {
    let end = out.len() + least + random.below(more);
    out.push_str(word(random));
    while out.len() < end {
        out.push(' ');
        out.push_str(word(random));
    }
}

fn quoted_printable(out: &mut String, random: &mut Random, end: usize) {
    while out.len() < end {
        sentence(out, random, 40, 20);
        out.push_str(random.pick(&[" <br>", " =C3=BC", "=3D", " <a href=3D\"https://example.net/\">"]));
        out.push_str("=\n");
    }
    out.push('\n');
}

fn base64_line(random: &mut Random, columns: usize) -> String {
    let mut line = String::with_capacity(columns);
    while line.len() < columns {
        let bits = random.next();
        for sextet in 0..10.min(columns - line.len()) {
            line.push(char::from(BASE64[usize::try_from((bits >> (6 * sextet)) & 63).unwrap_or(0)]));
        }
    }
    line
}

fn word(random: &mut Random) -> &'static str {
    // The list is so short that a table of its words would not pay.
    let start = random.below(WORDS.len());
    WORDS[start..].split_ascii_whitespace().nth(1).unwrap_or("mail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbox_quotes_from_lines_so_that_they_can_be_unquoted() {
        let mail = GeneratedMail {
            text: "A: b\n\nFrom x\n>From y\nfrom z".to_owned(),
            envelope_sender: String::new(),
            mbox_date: String::new(),
            delivered: 0,
        };
        assert_eq!(mail.in_mbox(), b"A: b\n\n>From x\n>>From y\nfrom z\n");
    }

    #[test]
    fn every_mail_has_a_header_and_a_blank_line() {
        let mut random = Random::new(1);
        for index in 0..200 {
            let mail = GeneratedMail::new(&mut random, "u1", index, 3000);
            let (header, _) = mail.text.split_once("\n\n").unwrap();
            assert!(
                header.contains("\nMessage-ID: <") && header.contains("\nTo: u1@example.org\n"),
                "{header}"
            );
            assert!(mail.text.ends_with('\n'));
        }
    }
}
