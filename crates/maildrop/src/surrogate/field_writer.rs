//! Writes the value of a field word by word, folded (RFC 5322, section 2.2.3), with encoded words (RFC 2047).

/// The longest line with an encoded word, in octets (RFC 2047, section 2).
const LINE: usize = 76;
/// The longest encoded word, in octets.
const WORD: usize = 75;
/// The smallest space that is worth beginning an encoded word on a line, in octets.
const WORTH: usize = 30;
const START: &str = "=?UTF-8?Q?";
const END: &str = "?=";

/// A field that is being written.
pub(super) struct FieldWriter<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
}

impl<'a> FieldWriter<'a> {
    /// Begins the field `name`.
    pub(super) fn new(name: &str, out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        FieldWriter { out, column: name.len() + 1 }
    }

    /// Appends `word` after `blank`, on a new line if it would be too long.
    pub(super) fn word(&mut self, blank: &str, word: &str) {
        let blank = if blank.is_empty() { " " } else { blank };
        if self.column + blank.len() + word.len() > LINE {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        for part in [blank, word] {
            self.out.extend_from_slice(part.as_bytes());
            self.column += part.len();
        }
    }

    /// Appends `text` in as many encoded words as it needs.
    pub(super) fn encode(&mut self, blank: &str, text: &str) {
        let room = LINE.saturating_sub(self.column + blank.len().max(1));
        let first = if room < WORTH { WORD } else { room };
        let mut blank = blank;
        for word in encoded_from(first, text) {
            self.word(blank, &word);
            blank = " ";
        }
    }

    /// Appends text as it is if it is ASCII, and in encoded words if it is not.
    pub(super) fn text(&mut self, text: &str) {
        let mut words = words(text).peekable();
        while let Some((blank, word)) = words.next() {
            if word.is_ascii() {
                self.word(blank, word);
                continue;
            }
            // Blanks between two encoded words are not shown, so they must be inside one.
            let mut run = word.to_owned();
            while let Some((blank, word)) = words.next_if(|(_, word)| !word.is_ascii()) {
                run += blank;
                run += word;
            }
            self.encode(blank, &run);
        }
    }

    pub(super) fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// `text` as encoded words. Only characters that are allowed everywhere in a header stand for themselves (RFC
/// 2047, section 5).
pub(super) fn encoded(text: &str) -> impl Iterator<Item = String> {
    encoded_from(WORD, text)
}

/// The same, but the first one has at most `first` octets.
fn encoded_from(first: usize, text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    let mut most = first.min(WORD);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut word = String::from(START);
        let mut taken = 0;
        for character in rest.chars() {
            let form = q(character);
            if word.len() + form.len() + END.len() > most {
                break;
            }
            word += &form;
            taken += character.len_utf8();
        }
        rest = &rest[taken..];
        most = WORD;
        Some(word + END)
    })
}

/// A character in the encoding Q.
fn q(character: char) -> String {
    match character {
        ' ' => "_".to_owned(),
        'a'..='z' | 'A'..='Z' | '0'..='9' | '!' | '*' | '+' | '-' | '/' => character.to_string(),
        _ => {
            let mut octets = [0; 4];
            character.encode_utf8(&mut octets).bytes().map(|octet| format!("={octet:02X}")).collect()
        }
    }
}

/// The words of a text, each with the blanks before it. Blanks at the end are left out.
fn words(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_blank = |c: char| matches!(c, ' ' | '\t');
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(|c| !is_blank(c))?;
        let (blank, from_word) = rest.split_at(start);
        let end = from_word.find(is_blank).unwrap_or(from_word.len());
        let (word, after) = from_word.split_at(end);
        rest = after;
        Some((blank, word))
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> String {
        let mut out = Vec::new();
        let mut value = FieldWriter::new("Subject", &mut out);
        value.text(text);
        value.finish();
        String::from_utf8(out).unwrap()
    }

    /// What a client shows for a value.
    pub(crate) fn decoded(value: &str) -> String {
        let value = value.replace("\r\n", "");
        let mut shown = Vec::new();
        let mut after_encoded = false;
        for (blank, word) in words(&value) {
            let inner = word.strip_prefix(START).and_then(|word| word.strip_suffix(END));
            if !(after_encoded && inner.is_some()) {
                shown.extend_from_slice(blank.as_bytes());
            }
            after_encoded = inner.is_some();
            let mut octets = inner.unwrap_or(word).bytes();
            while let Some(octet) = octets.next() {
                match octet {
                    b'_' if after_encoded => shown.push(b' '),
                    b'=' if after_encoded => {
                        let digits: Vec<u8> = octets.by_ref().take(2).collect();
                        shown.push(u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap());
                    }
                    octet => shown.push(octet),
                }
            }
        }
        String::from_utf8(shown).unwrap()
    }

    #[test]
    fn text_is_encoded_where_it_must_be() {
        assert_eq!(
            text(" Re: Grüße aus Köln, bis "),
            "Subject: Re: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= aus =?UTF-8?Q?K=C3=B6ln=2C?= bis\r\n"
        );
        assert_eq!(
            text(" für Ümläute"),
            "Subject: =?UTF-8?Q?f=C3=BCr_=C3=9Cml=C3=A4ute?=\r\n",
            "with their blanks"
        );
        assert_eq!(text(""), "Subject:\r\n");
    }

    #[test]
    fn long_text_is_folded_between_characters() {
        let long = "日本語の件名".repeat(20);
        let written = text(&format!(" {long}"));
        assert!(written.lines().count() > 10 && written.starts_with("Subject: =?UTF-8?Q?=E6"));
        assert!(written.lines().all(|line| line.len() <= LINE && line.ends_with("?=")));
        assert_eq!(decoded(written.strip_prefix("Subject:").unwrap()).trim(), long);
    }

    proptest! {
        #[test]
        fn what_is_encoded_can_be_had_back(value in "[ -~é日\u{1f600}]{0,200}") {
            prop_assume!(!value.contains("=?"));
            let written = text(&format!(" {value}"));
            prop_assert!(written.is_ascii());
            for line in written.lines() {
                let words: Vec<_> = line.split(' ').filter(|word| word.starts_with(START)).collect();
                prop_assert!(words.iter().all(|word| word.len() <= 75 && word.ends_with(END)));
            }
            let shown = decoded(written.strip_prefix("Subject:").unwrap());
            let trimmed = |text: &str| text.trim_end().trim_start_matches(' ').to_owned();
            prop_assert_eq!(trimmed(&shown), trimmed(&value));
        }
    }
}
