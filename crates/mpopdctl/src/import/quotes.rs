//! Quoted texts of Perl.

/// A part of a quoted text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum QuotedPart {
    Literal(String),
    /// `$name`
    Variable(String),
    /// Something that only Perl can compute: `@list`, `$hash{key}`, `@{[ ... ]}`.
    Code,
}

/// A text in single quotes: a backslash escapes only another one and the quote.
pub(super) fn literal(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next @ ('\\' | '\'')) if c == '\\' => {
                text.push(*next);
                chars.next();
            }
            _ => text.push(c),
        }
    }
    text
}

/// A text in double quotes.
pub(super) fn interpolated(body: &str) -> Vec<QuotedPart> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '\\' => rest = escape(rest, &mut text),
            '$' | '@' => match variable(c, rest) {
                Some((piece, after)) => {
                    if !text.is_empty() {
                        pieces.push(QuotedPart::Literal(std::mem::take(&mut text)));
                    }
                    pieces.push(piece);
                    rest = after;
                }
                None => text.push(c),
            },
            c => text.push(c),
        }
    }
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(QuotedPart::Literal(text));
    }
    pieces
}

/// A pattern with its flags in our syntax; `None` if it has variables, or flags that we do not support.
pub(super) fn pattern(body: &str, flags: &str) -> Option<String> {
    // Perl takes `$)` and `$|` for anchors in a pattern, and so does `variable`.
    let has_variable = body.char_indices().any(|(at, c)| {
        matches!(c, '$' | '@')
            && !body.get(..at).is_some_and(|before| before.ends_with('\\'))
            && variable(c, body.get(at + 1..).unwrap_or_default()).is_some()
    });
    if has_variable || !flags.chars().all(|flag| matches!(flag, 'i' | 'm' | 's' | 'x')) {
        return None;
    }
    let body = body.replace("\\/", "/");
    Some(if flags.is_empty() { body } else { format!("(?{flags}){body}") })
}

/// Appends the character of an escape sequence; returns the text after it.
fn escape<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let Some(c) = rest.chars().next() else { return rest };
    let after = rest.get(c.len_utf8()..).unwrap_or_default();
    let hexadecimal = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    match c {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        'e' => text.push('\x1b'),
        'a' => text.push('\x07'),
        '0' => text.push('\0'),
        'x' => {
            let (digits, after) = match after.strip_prefix('{').and_then(|after| after.split_once('}')) {
                Some(parts) => parts,
                None => {
                    let length = after.chars().take(2).take_while(char::is_ascii_hexdigit).count();
                    after.split_at_checked(length).unwrap_or((after, ""))
                }
            };
            text.push(hexadecimal(digits).unwrap_or('\0'));
            return after;
        }
        other => text.push(other),
    }
    after
}

/// The variable after a sigil, and the text after it.
fn variable(sigil: char, rest: &str) -> Option<(QuotedPart, &str)> {
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    if let Some(inner) = rest.strip_prefix('{') {
        let (name, after) = inner.split_once('}').unwrap_or((inner, ""));
        let plain = sigil == '$' && !name.is_empty() && name.chars().all(|c| is_name(&c));
        return Some((if plain { QuotedPart::Variable(name.to_owned()) } else { QuotedPart::Code }, after));
    }
    let length: usize = rest.chars().take_while(|c| is_name(c) || *c == ':').map(char::len_utf8).sum();
    let (name, after) = rest.split_at_checked(length)?;
    // A colon belongs to the name only as `::`, and between two parts of it.
    let name = name.trim_end_matches(':');
    let after = rest.get(name.len()..).unwrap_or(after);
    if name.is_empty() || (name.contains(':') && !name.contains("::")) {
        return None;
    }
    let simple = sigil == '$' && !after.starts_with(['{', '[']) && !after.starts_with("->");
    Some((if simple { QuotedPart::Variable(name.to_owned()) } else { QuotedPart::Code }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn double_quotes_know_escapes_and_variables() {
        assert_eq!(interpolated(r"^\\s+\$"), [QuotedPart::Literal(r"^\s+$".into())]);
        assert_eq!(interpolated(r"^\s+$"), [QuotedPart::Literal("^s+$".into())]);
        let greeting = interpolated("mpopd V$version.... :)");
        let expected = [
            QuotedPart::Literal("mpopd V".into()),
            QuotedPart::Variable("version".into()),
            QuotedPart::Literal(".... :)".into()),
        ];
        assert_eq!(greeting, expected);
        assert_eq!(interpolated(r"\x41\x{42}"), [QuotedPart::Literal("AB".into())]);
        assert_eq!(interpolated("a@b"), [QuotedPart::Literal("a".into()), QuotedPart::Code]);
        assert_eq!(interpolated("$h{x}")[0], QuotedPart::Code);
        assert_eq!(interpolated(""), [QuotedPart::Literal(String::new())]);
    }

    #[test]
    fn single_quotes_know_next_to_nothing() {
        assert_eq!(literal(r"^\\s*$ \n \'"), r"^\s*$ \n '");
    }

    #[test]
    fn patterns_keep_their_escapes_and_flags() {
        assert_eq!(pattern(r"^\s*$", ""), Some(r"^\s*$".into()));
        assert_eq!(pattern(r"a\/b", "i"), Some("(?i)a/b".into()));
        assert_eq!(pattern("^$name", ""), None);
        assert_eq!(pattern("x", "o"), None);
        assert_eq!(pattern(r"\$name", ""), Some(r"\$name".into()));
    }
}
