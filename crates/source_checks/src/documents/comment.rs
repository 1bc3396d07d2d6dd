//! Comments of a line of Rust.

/// A line without its string literals, and its comment if it has one (with the slashes). A literal over
/// several lines is not followed; nothing that uses this needs it.
pub(crate) fn split(line: &str) -> (String, Option<&str>) {
    let mut code = String::new();
    let mut in_literal = false;
    let mut characters = line.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if in_literal => {
                characters.next();
            }
            '"' => {
                in_literal = !in_literal;
                code.push('"');
            }
            _ if in_literal => {}
            '\'' if line[at..].starts_with("'\"'") => {
                characters.next();
                characters.next();
            }
            '/' if line[at..].starts_with("//") => return (code, Some(&line[at..])),
            other => code.push(other),
        }
    }
    (code, None)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn strings_are_no_comments_and_comments_no_code() {
        assert_eq!(split("a // b"), ("a ".to_owned(), Some("// b")));
        assert_eq!(split("/// b"), (String::new(), Some("/// b")));
        assert_eq!(split(r#"f("http://x \" //", '"') // b"#), (r#"f("", ) "#.to_owned(), Some("// b")));
        assert_eq!(split("a / b"), ("a / b".to_owned(), None));
    }
}
