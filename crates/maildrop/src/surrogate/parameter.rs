//! A word and parameters, as in `Content-Type:` (RFC 2045, section 5.1). What is not ASCII is written as RFC
//! 2231 requires.

use super::field_writer::FieldWriter;

/// The longest piece of a parameter on a line, in octets.
const PIECE: usize = 70;

/// Writes the value of such a field, or writes it as text if it cannot be parsed.
pub(super) fn convert(value: &str, mut out: FieldWriter<'_>) {
    match pieces(value) {
        None => out.text(value),
        Some(pieces) => {
            let last = pieces.len().saturating_sub(1);
            for (at, piece) in pieces.iter().enumerate() {
                let end = if at < last { ";" } else { "" };
                out.word(" ", &format!("{piece}{end}"));
            }
        }
    }
    out.finish();
}

/// The pieces between the semicolons in the new value.
fn pieces(value: &str) -> Option<Vec<String>> {
    let mut parts = split(value)?.into_iter().map(str::trim_ascii);
    let mut pieces = vec![parts.next().filter(|word| word.is_ascii())?.to_owned()];
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=')?;
        let (name, value) = (name.trim_ascii(), value.trim_ascii());
        let is_name =
            !name.is_empty() && name.bytes().all(|c| c.is_ascii_graphic() && !b"*\"()".contains(&c));
        match part.is_ascii() {
            true => pieces.push(part.to_owned()),
            false if is_name => extended(name, &unquoted(value)?, &mut pieces),
            false => return None,
        }
    }
    Some(pieces)
}

/// The parts between semicolons; `None` if a quote is open at the end.
fn split(value: &str) -> Option<Vec<&str>> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in value.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(&value[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&value[start..]);
    (!quoted).then_some(parts)
}

/// A parameter's value without the quotes around it.
fn unquoted(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.push(characters.next()?),
            '"' => return None,
            character => plain.push(character),
        }
    }
    Some(plain)
}

/// Appends `name*=UTF-8''...`, or if that is too long, `name*0*=UTF-8''...`, `name*1*=...` and so on (RFC
/// 2231, sections 3 to 4.1).
fn extended(name: &str, value: &str, pieces: &mut Vec<String>) {
    let whole: String = value.chars().map(percent).collect();
    let alone = format!("{name}*=UTF-8''{whole}");
    if alone.len() <= PIECE {
        pieces.push(alone);
        return;
    }
    let mut piece = format!("{name}*0*=UTF-8''");
    let mut number = 0;
    for character in value.chars().map(percent) {
        if piece.len() + character.len() > PIECE && !piece.ends_with(['=', '\'']) {
            number += 1;
            pieces.push(std::mem::replace(&mut piece, format!("{name}*{number}*=")));
        }
        piece += &character;
    }
    pieces.push(piece);
}

fn percent(character: char) -> String {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' => character.to_string(),
        '!' | '#' | '$' | '&' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~' => character.to_string(),
        _ => {
            let mut octets = [0; 4];
            character.encode_utf8(&mut octets).bytes().map(|octet| format!("%{octet:02X}")).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(value: &str) -> String {
        let mut out = Vec::new();
        convert(value, FieldWriter::new("Content-Type", &mut out));
        String::from_utf8(out).unwrap().strip_prefix("Content-Type:").unwrap().trim_end().to_owned()
    }

    #[test]
    fn parameters_are_written_as_rfc_2231_has_it_and_others_stay() {
        let cases = [
            (
                "text/plain; charset=utf-8; name=Grüße",
                " text/plain; charset=utf-8; name*=UTF-8''Gr%C3%BC%C3%9Fe",
            ),
            ("text/plain; name=\"a \\\"ü\\\";b\"", " text/plain; name*=UTF-8''a%20%22%C3%BC%22%3Bb"),
            (
                "multipart/mixed;boundary=\"a;b\"; x=ü;",
                " multipart/mixed; boundary=\"a;b\"; x*=UTF-8''%C3%BC",
            ),
        ];
        for (value, expected) in cases {
            assert_eq!(converted(value), expected, "{value}");
        }
    }

    #[test]
    fn a_long_parameter_is_written_in_pieces() {
        let name = "ü".repeat(40);
        let written = converted(&format!("a/b; name=\"{name}\"; c=d"));
        assert!(
            written.contains(" name*0*=UTF-8''%C3%BC") && written.contains("\r\n name*1*=%C3%BC"),
            "{written}"
        );
        assert!(written.ends_with("; c=d") && written.lines().all(|line| line.len() <= 76), "{written}");
        assert_eq!(written.matches("%C3%BC").count(), 40);
    }

    #[test]
    fn what_is_no_list_of_parameters_is_text() {
        for value in ["ü/ä", "a/b; ü", "a/b; ü=c", "a/b; c=\"ü", "a/b; c=\"ü\"d", "a/b; c=ü\"", "a/b; c*=ü"]
        {
            let written = converted(value);
            assert!(written.contains("=?UTF-8?Q?") && written.is_ascii(), "{value}: {written}");
        }
    }
}
