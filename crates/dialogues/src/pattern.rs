//! Patterns for the server's lines.

use std::collections::HashMap;
use std::fmt;

/// What a line must look like.
#[derive(Debug)]
pub(crate) struct ReplyPattern(Vec<PatternPart>);

#[derive(Debug)]
enum PatternPart {
    Text(String),
    /// Any octets, or none.
    Any,
    /// The word of this name.
    Word(String),
}

/// The words of a dialogue by their names, as they first occurred.
pub(crate) type CapturedWords = HashMap<String, String>;

impl ReplyPattern {
    pub(crate) fn parse(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['*', '$']) {
            if at > 0 {
                parts.push(PatternPart::Text(rest[..at].to_owned()));
            }
            let special = rest.as_bytes()[at];
            rest = &rest[at + 1..];
            if special == b'*' {
                parts.push(PatternPart::Any);
            } else {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                parts.push(PatternPart::Word(rest[..end].to_owned()));
                rest = &rest[end..];
            }
        }
        if !rest.is_empty() {
            parts.push(PatternPart::Text(rest.to_owned()));
        }
        Self(parts)
    }

    /// Whether `line` matches. Its words are known from then on.
    pub(crate) fn matches(&self, line: &str, words: &mut CapturedWords) -> bool {
        let mut found = words.clone();
        let fits = fits(&self.0, line, &mut found);
        if fits {
            *words = found;
        }
        fits
    }
}

/// As the script has it.
impl fmt::Display for ReplyPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            PatternPart::Text(text) => f.write_str(text),
            PatternPart::Any => f.write_str("*"),
            PatternPart::Word(name) => write!(f, "${name}"),
        })
    }
}

fn fits(parts: &[PatternPart], line: &str, words: &mut CapturedWords) -> bool {
    let Some((part, others)) = parts.split_first() else { return line.is_empty() };
    match part {
        PatternPart::Text(text) => {
            line.strip_prefix(text.as_str()).is_some_and(|rest| fits(others, rest, words))
        }
        PatternPart::Any => {
            let mut ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.any(|at| fits(others, &line[at..], &mut words.clone()) && fits(others, &line[at..], words))
        }
        PatternPart::Word(name) => {
            let end = line.find(' ').unwrap_or(line.len());
            let (word, rest) = line.split_at(end);
            let known = words.entry(name.clone()).or_insert_with(|| word.to_owned());
            !word.is_empty() && known == word && fits(others, rest, words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_itself_and_a_star_is_anything() {
        let matches =
            |pattern: &str, line: &str| ReplyPattern::parse(pattern).matches(line, &mut CapturedWords::new());
        for (pattern, line) in [
            ("+OK", "+OK"),
            ("+OK*", "+OK"),
            ("+OK*", "+OK hi"),
            ("*b*", "abc"),
            ("1 * 3", "1 2 3"),
            ("", ""),
        ] {
            assert!(matches(pattern, line), "{pattern} {line}");
            assert_eq!(ReplyPattern::parse(pattern).to_string(), pattern);
        }
        for (pattern, line) in [("+OK", "+OK "), ("-ERR*", "+OK"), ("*b", "abc"), ("", "x"), ("a", "")] {
            assert!(!matches(pattern, line), "{pattern} {line}");
        }
    }

    #[test]
    fn a_word_stays_what_it_was() {
        let mut words = CapturedWords::new();
        assert!(ReplyPattern::parse("1 $first").matches("1 abc", &mut words));
        assert!(ReplyPattern::parse("+OK 1 $first").matches("+OK 1 abc", &mut words));
        assert!(!ReplyPattern::parse("1 $first").matches("1 abd", &mut words));
        assert!(!ReplyPattern::parse("2 $second").matches("2 ", &mut words), "a word has letters");
        assert!(ReplyPattern::parse("2 $second").matches("2 x", &mut words));
        assert!(ReplyPattern::parse("* $second").matches("a b x", &mut words), "a star gives way");
    }
}
