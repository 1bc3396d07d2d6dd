//! Takes the settings out of a parsed TOML table one by one and collects the errors.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue, Error};

use crate::fault::Fault;
use crate::kind::{SettingKind, Wrong};
use crate::near::nearest;
use crate::part::path_part;
use crate::types::PerUser;

/// The results of parsing a file, besides the settings.
pub(crate) struct ParseFindings<'a> {
    file: &'a Path,
    /// The offset of each line, in octets.
    lines: Vec<usize>,
    pub(crate) faults: Vec<Fault>,
    /// The line of each setting in the file, by its key with its table.
    pub(crate) origins: BTreeMap<String, usize>,
}

impl<'a> ParseFindings<'a> {
    pub(crate) fn new(file: &'a Path, text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, octet)| *octet == b'\n');
        let lines = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Self { file, lines, faults: Vec::new(), origins: BTreeMap::new() }
    }

    /// Adds syntax errors, one a line: the parser continues within the line and often fails again.
    pub(crate) fn syntax(&mut self, errors: &[Error]) {
        let mut reported = BTreeSet::new();
        for error in errors {
            let line = self.line(&error.span().unwrap_or_default());
            if reported.insert(line) {
                self.faults.push(Fault::of_line(self.file, line, format!("not TOML: {}", error.message())));
            }
        }
    }

    /// Drops errors that only repeat that a line is not TOML.
    pub(crate) fn forget_after_syntax(&mut self, syntax_faults: usize) {
        let lines: BTreeSet<_> = self.faults.iter().take(syntax_faults).map(|fault| fault.line).collect();
        let mut nth = 0;
        self.faults.retain(|fault| {
            nth += 1;
            nth <= syntax_faults || !lines.contains(&fault.line)
        });
    }

    fn fault(&mut self, span: &Range<usize>, key: &str, what: String) {
        // After a syntax error the parser inserts values that have no place in the file. That error is
        // already reported.
        if span.is_empty() && !self.faults.is_empty() {
            return;
        }
        self.faults.push(Fault::of_line(self.file, self.line(span), what).key(key));
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start)
    }
}

/// A table of the file: the main one (with an empty name) or one within it.
pub(crate) struct TableReader<'i> {
    name: &'static str,
    rest: DeTable<'i>,
    known: Vec<&'static str>,
}

impl<'i> TableReader<'i> {
    /// The main table.
    pub(crate) fn new(table: DeTable<'i>) -> Self {
        Self { name: "", rest: table, known: Vec::new() }
    }

    /// The value of a setting, or its default.
    pub(crate) fn take<T>(
        &mut self,
        key: &'static str,
        kind: &SettingKind<T>,
        default: T,
        findings: &mut ParseFindings<'_>,
    ) -> T {
        let Some((at, value)) = self.remove(key) else { return default };
        let key = self.full(key);
        findings.origins.insert(key.clone(), findings.line(&at));
        accept(&key, kind.parse(&value), findings).unwrap_or(default)
    }

    /// A table with a value for each user; empty if the file has none.
    pub(crate) fn per_user<T>(
        &mut self,
        key: &'static str,
        kind: &SettingKind<T>,
        findings: &mut ParseFindings<'_>,
    ) -> PerUser<T> {
        let Some((at, value)) = self.remove(key) else { return PerUser::new() };
        findings.origins.insert(key.to_owned(), findings.line(&at));
        let Some(table) = table(key, value, findings) else { return PerUser::new() };
        let mut users = PerUser::new();
        for (user, value) in table {
            let full = format!("{key}.{}", user.get_ref().escape_debug());
            if let Err(why) = path_part(user.get_ref()) {
                findings.fault(&user.span(), &full, format!("this is no user name: {why}"));
            }
            findings.origins.insert(full.clone(), findings.line(&user.span()));
            if let Some(value) = accept(&full, kind.parse(&value), findings) {
                users.insert(user.into_inner().into_owned(), value);
            }
        }
        users
    }

    /// A table within this one; empty if the file has none.
    pub(crate) fn table(&mut self, key: &'static str, findings: &mut ParseFindings<'_>) -> Self {
        let table = self.remove(key).and_then(|(_, value)| table(key, value, findings));
        TableReader { name: key, rest: table.unwrap_or_default(), known: Vec::new() }
    }

    /// Reports every unknown key. `main` has the keys of the main table.
    ///
    /// The first hundred get a hint. A file with more is something else than a configuration, and looking for
    /// near names is slow.
    pub(crate) fn finish(self, main: &[&'static str], findings: &mut ParseFindings<'_>) {
        for (key, _) in &self.rest {
            let typed = key.get_ref().as_ref();
            let hint = if main.contains(&typed) {
                format!("; it belongs above the first [table] of the file, not into [{}]", self.name)
            } else if let Some(meant) = self.meant(typed, findings) {
                format!("; did you mean {meant}?")
            } else {
                "; mpopd.conf(5) lists the settings".to_owned()
            };
            let shown: String = typed.chars().take(64).collect();
            let full = self.full(&shown.escape_debug().to_string());
            findings.fault(&key.span(), &full, format!("unknown setting{hint}"));
        }
    }

    fn meant(&self, typed: &str, findings: &ParseFindings<'_>) -> Option<&'static str> {
        const HINTS: usize = 100;
        if findings.faults.len() < HINTS { nearest(typed, self.known.iter().copied()) } else { None }
    }

    fn remove(&mut self, key: &'static str) -> Option<(Range<usize>, Spanned<DeValue<'i>>)> {
        self.known.push(key);
        let (at, value) = self.rest.remove_entry(key)?;
        Some((at.span(), value))
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }
}

fn accept<T>(key: &str, parsed: Result<T, Vec<Wrong>>, findings: &mut ParseFindings<'_>) -> Option<T> {
    match parsed {
        Ok(value) => Some(value),
        Err(wrong) => {
            for Wrong { span, what } in wrong {
                findings.fault(&span, key, what);
            }
            None
        }
    }
}

fn table<'i>(
    key: &str,
    value: Spanned<DeValue<'i>>,
    findings: &mut ParseFindings<'_>,
) -> Option<DeTable<'i>> {
    let span = value.span();
    match value.into_inner() {
        DeValue::Table(table) => Some(table),
        _ => {
            findings.fault(
                &span,
                key,
                format!("this is a table: write [{key}], and its settings below that"),
            );
            None
        }
    }
}
