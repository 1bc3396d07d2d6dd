//! The lines of a Markdown document, by what they are.

/// What a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    Prose,
    Heading,
    Table,
    Code,
}

/// The lines of a document with their numbers, counted from 1.
pub(crate) fn lines(text: &str) -> Vec<(usize, LineKind, &str)> {
    let mut fence: Option<&str> = None;
    let mut in_list = false;
    let mut after_blank = true;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let is_indented = line.len() - trimmed.len() >= 4;
        let kind = if let Some(mark) = fence {
            if trimmed.starts_with(mark) {
                fence = None;
            }
            LineKind::Code
        } else if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)) {
            fence = Some(mark);
            LineKind::Code
        } else if is_indented
            && !in_list
            && (after_blank || matches!(found.last(), Some((_, LineKind::Code, _))))
        {
            LineKind::Code
        } else if trimmed.starts_with('|') {
            LineKind::Table
        } else if line.starts_with('#') {
            LineKind::Heading
        } else {
            LineKind::Prose
        };
        if kind == LineKind::Prose && !trimmed.is_empty() {
            // What follows an item and is indented is a part of it.
            in_list =
                is_list_item(trimmed) || (in_list && trimmed.len() < line.len()) || (in_list && !after_blank);
        } else if kind == LineKind::Heading {
            in_list = false;
        }
        after_blank = trimmed.is_empty();
        found.push((index + 1, kind, line));
    }
    found
}

/// A line without the text in its code spans. The backticks stay.
pub(crate) fn without_code(line: &str) -> String {
    parts(line).map(|(part, is_code)| if is_code { "``".to_owned() } else { part.to_owned() }).collect()
}

/// The texts of the code spans of a line.
pub(crate) fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    parts(line).filter(|(_, is_code)| *is_code).map(|(part, _)| part)
}

/// The text after the bullet or the number of a list item.
pub(crate) fn after_list_mark(line: &str) -> &str {
    let line = line.trim_start();
    let unordered = ["- ", "* ", "+ "].into_iter().find_map(|mark| line.strip_prefix(mark));
    let ordered = || {
        let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
        if digits.len() < line.len() { digits.strip_prefix(". ") } else { None }
    };
    unordered.or_else(ordered).unwrap_or(line)
}

fn is_list_item(trimmed: &str) -> bool {
    after_list_mark(trimmed).len() < trimmed.len()
}

/// The pieces between backticks, and whether each is code. A backtick without a second one is text.
fn parts(line: &str) -> impl Iterator<Item = (&str, bool)> {
    let count = line.split('`').count();
    line.split('`').enumerate().map(move |(index, part)| (part, index % 2 == 1 && index + 1 < count))
}

#[cfg(test)]
mod tests {
    use super::{LineKind, code_spans, lines, without_code};

    #[test]
    fn lines_are_told_apart() {
        let text = "# A\n\nprose\n    goes on\n\n    code\n    code\n\n- item\n\n    of the item\n\nprose\n| a |\n```\n# no\n```\nend";
        let kinds: Vec<char> = lines(text)
            .into_iter()
            .map(|(_, kind, _)| match kind {
                LineKind::Prose => 'p',
                LineKind::Heading => 'h',
                LineKind::Table => 't',
                LineKind::Code => 'c',
            })
            .collect();
        assert_eq!(kinds.into_iter().collect::<String>(), "hppppccpppppptcccp");
    }

    #[test]
    fn code_spans_are_cut_out() {
        assert_eq!(without_code("a `b` c `d`"), "a `` c ``".to_owned());
        assert_eq!(code_spans("a `b` c `d` e ` f").collect::<Vec<_>>(), ["b", "d"]);
    }
}
