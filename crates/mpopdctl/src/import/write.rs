//! Writes the new file.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use config::parse;

use super::convert::{Converted, NewSetting};

/// An old configuration in the new form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Imported {
    /// The new file.
    pub(crate) toml: String,
    /// The number of its comments that begin with `CHECK`. Somebody must look at each.
    pub(crate) checks: usize,
}

/// Creates the new file: first the CHECK comments, then the settings in the order of the manual.
///
/// A value that the new setting does not accept also becomes a CHECK comment, so the file has no errors.
pub(super) fn written(old: &Path, items: &[Converted]) -> Imported {
    let mut notes = Vec::new();
    let mut lines: Vec<NewLine> = Vec::new();
    for item in items {
        let note = |what| CheckNote { line: item.line, name: item.name.clone(), what };
        notes.extend(item.checks.iter().cloned().map(note));
        let Some(set) = &item.set else { continue };
        match refusal(set) {
            Some(what) if set.key == item.name => notes.push(note(what)),
            Some(what) => notes.push(note(format!("as {}: {what}", shown_key(set)))),
            None => lines.push(NewLine { set, origin: item.line }),
        }
    }
    let mut toml = String::new();
    body(&mut toml, &lines);
    let faults = parse(old, toml.as_bytes()).and_then(|loaded| loaded.check_serving()).err();
    notes.extend(faults.iter().flatten().map(|fault| {
        let name = fault.key.clone().unwrap_or_default();
        CheckNote { line: None, name, what: format!("a server needs more: {}", fault.what) }
    }));
    notes.sort_by_key(|note| note.line);
    finished(old, &notes, &toml)
}

/// A setting of the new file, and its line in the old one.
struct NewLine<'a> {
    set: &'a NewSetting,
    origin: Option<usize>,
}

/// A CHECK comment.
struct CheckNote {
    line: Option<usize>,
    name: String,
    what: String,
}

fn finished(old: &Path, notes: &[CheckNote], body: &str) -> Imported {
    let file = one_line(&old.display().to_string());
    let mut toml = format!("# mpopd.conf, made by mpopdctl import from {file}.\n");
    if !notes.is_empty() {
        toml.push_str("# Check each CHECK by hand; lines are those of the old file.\n#\n");
    }
    for note in notes {
        let name = one_line(&note.name);
        let place = match (note.line, name.as_str()) {
            (Some(line), "") => format!("line {line}"),
            (Some(line), name) => format!("line {line}, {name}"),
            (None, name) => name.to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(toml, "# CHECK {place}: {}", one_line(&note.what));
    }
    toml.push_str(body);
    Imported { toml, checks: notes.len() }
}

/// The settings, in the order of the table.
fn body(toml: &mut String, lines: &[NewLine<'_>]) {
    let (mut group, mut table) = ("", "");
    for row in config::setting_names() {
        let users = row.key == "USER";
        let mut here: Vec<&NewLine<'_>> = lines
            .iter()
            .filter(|line| line.set.table == row.table && (users || line.set.key == row.key))
            .collect();
        let Some(first) = here.first().copied() else { continue };
        if group != row.group {
            let _ = write!(toml, "\n# {}\n", row.group);
        }
        if table != row.table {
            let _ = writeln!(toml, "[{}]", row.table);
        }
        (group, table) = (row.group, row.table);
        if row.key == "addreceived" {
            let names: BTreeSet<&str> = here.iter().map(|line| line.set.value.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let _ = writeln!(toml, "addreceived = [{}]  # {}", names.join(", "), origin(first.origin));
            continue;
        }
        // If two old settings are one today, the later one counts.
        let mut seen = BTreeSet::new();
        here.reverse();
        here.retain(|line| seen.insert(&line.set.key));
        here.reverse();
        for line in here {
            let _ = writeln!(toml, "{} = {}  # {}", line.set.key, line.set.value, origin(line.origin));
        }
    }
}

fn origin(line: Option<usize>) -> String {
    match line {
        Some(line) => format!("line {line}"),
        None => "as it was without a line for it".to_owned(),
    }
}

/// Why the new setting does not accept this value.
fn refusal(set: &NewSetting) -> Option<String> {
    let value = if set.key == "addreceived" { format!("[{}]", set.value) } else { set.value.clone() };
    let header = if set.table.is_empty() { String::new() } else { format!("[{}]\n", set.table) };
    let alone = format!("{header}{} = {value}\n", set.key);
    let faults = parse(Path::new(""), alone.as_bytes()).err()?;
    Some(faults.iter().map(|fault| fault.what.clone()).collect::<Vec<_>>().join("; "))
}

fn shown_key(set: &NewSetting) -> String {
    if set.table.is_empty() { set.key.clone() } else { format!("[{}] {}", set.table, set.key) }
}

/// Text of the old file for a comment, without line ends.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
