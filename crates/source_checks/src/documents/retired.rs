//! Names that the project no longer uses.

use super::comment;
use super::markdown::{self, LineKind};
use crate::Tree;

/// Names that were replaced: private metaphors, and second names of things that have one. Looked for as whole
/// words of code, also where a comment or a document quotes code, since some are words of English too.
/// (`Visit` is a trait of tracing.)
const NAMES: [&str; 28] = [
    "House",
    "Visits",
    "Desk",
    "Doors",
    "Rarely",
    "Herald",
    "Lasting",
    "Surroundings",
    "Reach",
    "Wishes",
    "Room",
    "Link",
    "Limits",
    "index::Sealed",
    "Post",
    "plan::of",
    "backlog.is(",
    "Step::Send",
    "LoginRefusal",
    "NotOpened",
    "login::Why",
    "auth::Refusal",
    "counters::Failure",
    "open::Format",
    "sys::seal",
    "sys::sealed",
    "any_certificate",
    "dependency_rule.rs",
];

/// Documents that are cited nowhere, since they are not in the tree.
const PHRASES: [&str; 1] = ["INTERFACE section"];

/// The history may use old names, and this crate must to look for them.
const MAY_USE_THEM: [&str; 2] = ["CHANGELOG.md", "crates/source_checks/"];

/// Every line with a retired name.
#[must_use]
pub fn find(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let files = tree.files().filter(|(path, _)| !MAY_USE_THEM.iter().any(|prefix| path.starts_with(prefix)));
    for (path, text) in files {
        for (index, line) in text.lines().enumerate() {
            let phrases = PHRASES.iter().filter(|phrase| line.contains(**phrase));
            found.extend(phrases.map(|phrase| format!("{path}:{}: {phrase}", index + 1)));
        }
        for (line, code) in code(path, text) {
            let names = NAMES.iter().filter(|name| has_word(&code, name));
            found.extend(names.map(|name| format!("{path}:{line}: {name}")));
        }
    }
    found
}

/// The code of a file, line by line.
fn code(path: &str, text: &str) -> Vec<(usize, String)> {
    let spans = |text: &str| markdown::code_spans(text).collect::<Vec<_>>().join(" ");
    if path.ends_with(".rs") {
        let lines = text.lines().enumerate().map(|(index, line)| {
            let (code, comment) = comment::split(line);
            (index + 1, format!("{code} {}", spans(comment.unwrap_or_default())))
        });
        lines.collect()
    } else if path.ends_with(".md") {
        let lines = markdown::lines(text).into_iter().map(|(number, kind, line)| {
            (number, if kind == LineKind::Code { line.to_owned() } else { spans(line) })
        });
        lines.collect()
    } else {
        Vec::new()
    }
}

fn has_word(text: &str, word: &str) -> bool {
    let continues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let ends_in_a_sign = !continues(word.chars().last());
        let (before, after) = (text[..at].chars().last(), text[at + word.len()..].chars().next());
        !continues(before) && (ends_in_a_sign || !continues(after))
    })
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::Tree;

    fn is_found(path: &str, line: &str) -> bool {
        !find(&Tree::made_of(&[(path, line)])).is_empty()
    }

    #[test]
    fn retired_names_in_code() {
        assert!(is_found("a.rs", "fn f(house: &House) {}"));
        assert!(is_found("a.rs", "if self.backlog.is(x) {}"));
        assert!(is_found("a.rs", "/// As [`House`] says."));
        assert!(is_found("docs/a.md", "the `House` of it"));
        assert!(is_found("docs/a.md", "\n    House::new()"));
        assert!(is_found("man/a.8", "see INTERFACE section 3"));
    }

    #[test]
    fn other_words() {
        assert!(!is_found("a.rs", "fn f(house: &Houses, my_House: u8, seal: sys::sealing::X) {}"));
        assert!(!is_found("a.rs", "// House rules. Reach them."));
        assert!(!is_found("a.rs", "log(\"Reach out\")"));
        assert!(!is_found("a.md", "House rules"));
        assert!(!is_found("CHANGELOG.md", "`House` is gone"));
    }
}
