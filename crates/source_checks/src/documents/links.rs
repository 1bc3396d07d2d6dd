//! Links between the documents.

use std::collections::BTreeMap;

use super::markdown::{self, LineKind};
use crate::Tree;

/// One link to something in the tree.
struct DocumentLink {
    from: String,
    line: usize,
    /// As it is written.
    target: String,
}

/// Links in documents that lead nowhere: to a file, a folder or a heading that is not there. Links to other
/// hosts are not followed.
#[must_use]
pub fn find_broken(tree: &Tree) -> Vec<String> {
    let headings: BTreeMap<&str, Vec<String>> =
        documents(tree).map(|(path, text)| (path, anchors(text))).collect();
    let mut found = Vec::new();
    for link in links(tree) {
        let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
        let wrong = match resolved(&link.from, path) {
            None => Some("leaves the tree"),
            Some(path) if !path.is_empty() && !tree.contains(&path) => Some("is not there"),
            Some(path) => match headings.get(path.as_str()) {
                Some(anchors) if !anchor.is_empty() && !anchors.iter().any(|known| known == anchor) => {
                    Some("has no such heading")
                }
                _ => None,
            },
        };
        found.extend(wrong.map(|wrong| format!("{}:{}: {} {wrong}", link.from, link.line, link.target)));
    }
    found
}

/// Documents in `docs` that no other document links to.
#[must_use]
pub fn find_orphans(tree: &Tree) -> Vec<String> {
    let links = links(tree);
    let is_linked = |document: &str| {
        links.iter().any(|link| {
            let path = link.target.split('#').next().unwrap_or_default();
            link.from != document && resolved(&link.from, path).as_deref() == Some(document)
        })
    };
    let inside = documents(tree).map(|(path, _)| path).filter(|path| path.starts_with("docs/"));
    inside.filter(|path| !is_linked(path)).map(|path| format!("{path} is linked from nowhere")).collect()
}

fn documents(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.files().filter(|(path, _)| path.ends_with(".md"))
}

fn links(tree: &Tree) -> Vec<DocumentLink> {
    let mut found = Vec::new();
    for (path, text) in documents(tree) {
        for (line, kind, text) in markdown::lines(text) {
            if kind == LineKind::Code {
                continue;
            }
            let targets = targets(&markdown::without_code(text));
            let inside = targets
                .into_iter()
                .filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
            found.extend(inside.map(|target| DocumentLink { from: path.to_owned(), line, target }));
        }
    }
    found
}

/// What a line links to: `[text](target)`, `[label]: target`, and `src` and `href` of HTML.
fn targets(line: &str) -> Vec<String> {
    let until = |text: &str, end: &[char]| text.split(end).next().unwrap_or_default().to_owned();
    let mut found: Vec<String> = line.split("](").skip(1).map(|rest| until(rest, &[')', ' '])).collect();
    for attribute in ["src=\"", "href=\""] {
        found.extend(line.split(attribute).skip(1).map(|rest| until(rest, &['"'])));
    }
    if let Some((_, target)) = line.trim_start().strip_prefix('[').and_then(|line| line.split_once("]: ")) {
        found.push(until(target.trim_start(), &[' ']));
    }
    found.retain(|target| !target.is_empty());
    found
}

/// A relative path as seen from the top of the tree, empty for that itself; none if it leads out.
fn resolved(from: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(from.to_owned());
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        return None;
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The anchors of a document's headings, as forges make them.
fn anchors(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, kind, line) in markdown::lines(text) {
        if kind == LineKind::Heading {
            let anchor = anchor(line.trim_start_matches('#').trim());
            let before = found.iter().filter(|known| **known == anchor).count();
            found.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
        }
    }
    found
}

fn anchor(heading: &str) -> String {
    // Of a link only the text counts.
    let mut text = String::new();
    for (index, part) in heading.split("](").enumerate() {
        let part = if index == 0 { part } else { part.split_once(')').map_or("", |(_, after)| after) };
        text.push_str(part);
    }
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::{anchors, find_broken, find_orphans};
    use crate::Tree;

    #[test]
    fn links_that_lead_somewhere() {
        let tree = Tree::made_of(&[
            (
                "README.md",
                "[a](docs/a.md), [b](docs/a.md#two-words), [c](docs), ![d](d.png \"title\")\n[e]: LICENSE\n\
                 # Here\n[f](#here) [g](https://example.org/x) `[h](x)`\n\n    [i](x)\n\n<img src=\"d.png\">",
            ),
            ("docs/a.md", "# Two words\n[x](../README.md)"),
            ("d.png", ""),
            ("LICENSE", ""),
        ]);
        assert!(find_broken(&tree).is_empty(), "{:?}", find_broken(&tree));
        assert!(find_orphans(&tree).is_empty());
    }

    #[test]
    fn links_that_lead_nowhere() {
        let tree = Tree::made_of(&[
            ("README.md", "text\n[a](docs/b.md), [b](docs/a.md#three) and [c](#none)"),
            ("docs/a.md", "# Two\n[x](README.md) [y](../../x)\n[z]: ../b\n<a href=\"c.md\">"),
            ("docs/lost.md", "[myself](lost.md)"),
        ]);
        let expected = [
            "README.md:2: docs/b.md is not there",
            "README.md:2: docs/a.md#three has no such heading",
            "README.md:2: #none has no such heading",
            "docs/a.md:2: README.md is not there",
            "docs/a.md:2: ../../x leaves the tree",
            "docs/a.md:3: ../b is not there",
            "docs/a.md:4: c.md is not there",
        ];
        assert_eq!(find_broken(&tree), expected);
        assert_eq!(find_orphans(&tree), ["docs/lost.md is linked from nowhere"]);
    }

    #[test]
    fn anchors_of_headings() {
        let text = "# `mpopd try`: what's new?\n## A_b - c\n## [Link](x.md) end\n# A_b - c\n```\n# no\n```";
        assert_eq!(anchors(text), ["mpopd-try-whats-new", "a_b---c", "link-end", "a_b---c-1"]);
    }
}
