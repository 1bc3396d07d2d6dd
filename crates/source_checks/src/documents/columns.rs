//! Prose that is wider than a screen.

use super::comment;
use super::markdown::{self, LineKind};
use crate::Tree;

/// The most columns of a line of prose, in documents and in comments.
pub const MOST_COLUMNS: usize = 110;

/// Every line of prose that is wider: in documents, and in comments of Rust files, scripts and manifests.
/// Tables, code and lines that are one link may be wider.
#[must_use]
pub fn find(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.files() {
        let wide: Vec<(usize, usize)> = if path.ends_with(".md") {
            let lines = markdown::lines(text).into_iter();
            let prose = lines.filter(|(_, kind, _)| matches!(kind, LineKind::Prose | LineKind::Heading));
            prose.filter_map(|(number, _, line)| wide(line, line).map(|columns| (number, columns))).collect()
        } else if path.ends_with(".rs") {
            let lines = text.lines().enumerate();
            lines.filter_map(|(index, line)| wide_comment(line).map(|columns| (index + 1, columns))).collect()
        } else if is_script(path) {
            let lines = text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with('#'));
            let comments = lines.map(|(index, line)| (index, line, line.trim_start_matches(['#', ' '])));
            comments.filter_map(|(index, line, text)| Some((index + 1, wide(line, text)?))).collect()
        } else {
            continue;
        };
        found.extend(wide.into_iter().map(|(line, columns)| format!("{path}:{line}: {columns} columns")));
    }
    found
}

/// Whether comments of this file begin with `#`, and are for those who work on the project.
fn is_script(path: &str) -> bool {
    let ours = ["justfile", "fuzz/run"].contains(&path)
        || path.starts_with(".ci/")
        || path.starts_with("packaging/");
    ours || [".toml", ".py", ".yml"].iter().any(|end| path.ends_with(end))
}

fn wide_comment(line: &str) -> Option<usize> {
    // Most lines end here: to look for the comment takes longer.
    if line.len() <= MOST_COLUMNS {
        return None;
    }
    let (_, comment) = comment::split(line);
    let text = comment?.trim_start_matches(['/', '!']).trim();
    if text.starts_with('|') { None } else { wide(line, text) }
}

fn wide(line: &str, text: &str) -> Option<usize> {
    let columns = line.chars().count();
    (columns > MOST_COLUMNS && !is_one_link(text)).then_some(columns)
}

/// Whether a line, or the item of a list, is a link and nothing else.
fn is_one_link(text: &str) -> bool {
    let text = markdown::after_list_mark(text).trim().trim_end_matches(['.', ',', ';', ':']);
    if !text.contains(' ') && text.contains("://") {
        return true;
    }
    // `[label]: target` and `[label](target)`, an image too.
    let text = text.strip_prefix('!').unwrap_or(text);
    let Some((label, target)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) else {
        return false;
    };
    let inner = target.strip_prefix('(').and_then(|target| target.strip_suffix(')'));
    !label.contains('[')
        && inner.or_else(|| target.strip_prefix(": ")).is_some_and(|target| !target.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::Tree;

    fn is_found(path: &str, line: &str) -> bool {
        match find(&Tree::made_of(&[(path, line)])).as_slice() {
            [] => false,
            [only] => only == &format!("{path}:1: {} columns", line.chars().count()),
            _ => panic!("a line is found once"),
        }
    }

    #[test]
    fn wide_prose() {
        let words = "word ".repeat(23);
        assert!(is_found("a.md", &words));
        assert!(is_found("docs/a.md", &format!("## {words}")));
        assert!(is_found("a.rs", &format!("//! {words}")));
        assert!(is_found("tests/a.rs", &format!("    let a = \"//\"; // {words}")));
        assert!(!is_found("a.md", &"äöü ".repeat(27)));
        assert!(is_found("justfile", &format!("    # {words}")));
        assert!(!is_found("justfile", &format!("    {words}")));
        assert!(!is_found("a.txt", &words));
    }

    #[test]
    fn tables_code_and_links_may_be_wide() {
        let words = "word ".repeat(23);
        assert!(!is_found("a.md", &format!("| {words} |")));
        assert!(!is_found("a.md", &format!("    {words}")));
        assert!(!is_found("a.rs", &format!("/// | {words} |")));
        assert!(!is_found("a.rs", &format!("let a = \"{words} // {words}\";")));
        let target = format!("https://example.org/{}", "word-".repeat(23));
        assert!(!is_found("a.md", &target));
        assert!(!is_found("a.rs", &format!("// [label]: {target}")));
        assert!(!is_found("a.md", &format!("- [some label]({target}).")));
        assert!(is_found("a.md", &format!("see [some label]({target})")));
        assert!(is_found("a.md", &format!("[{words}]({target}) and more")));
    }
}
