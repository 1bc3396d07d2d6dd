//! Finds the settings in an old configuration, which has one of two forms.

use std::collections::HashMap;
use std::path::Path;

use config::Fault;

use super::quotes::QuotedPart;
use super::tokens::{PerlToken, TokenKind, tokens};

/// An old configuration, as it is written.
#[derive(Debug)]
pub(super) struct OldConfig {
    pub(super) form: OldForm,
    pub(super) entries: Vec<OldSetting>,
    /// Other statements, with their lines.
    pub(super) leftovers: Vec<(usize, String)>,
}

/// The form of an old configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OldForm {
    /// `$name = "value";`, mpopd 2.x.
    Assignments,
    /// `{ name => 'value', }`, Mail::POP3 3.x.
    Hash,
}

/// A setting.
#[derive(Debug)]
pub(super) struct OldSetting {
    /// From 1.
    pub(super) line: usize,
    pub(super) name: String,
    /// The user, for settings with a value for each user.
    pub(super) user: Option<String>,
    pub(super) value: OldValue,
}

/// The value that Perl would compute, as far as it is known without running the code.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OldValue {
    /// A text or a number, which are the same in Perl.
    Text(String),
    Undefined,
    /// A sub or another expression, as it is written.
    Code(String),
}

/// Parses an old configuration.
///
/// # Errors
///
/// A quoted text or a bracket that is never closed, with its line.
pub(super) fn read(file: &Path, text: &str) -> Result<OldConfig, Fault> {
    let tokens = tokens(file, text)?;
    check_brackets(file, &tokens)?;
    let mut reader = SettingsReader {
        text,
        old: OldConfig { form: OldForm::Assignments, entries: Vec::new(), leftovers: Vec::new() },
        known: HashMap::new(),
    };
    for statement in statements(&tokens) {
        reader.statement(statement);
    }
    Ok(reader.old)
}

struct SettingsReader<'a> {
    text: &'a str,
    old: OldConfig,
    /// The scalars that have been assigned so far.
    known: HashMap<String, String>,
}

impl SettingsReader<'_> {
    fn statement(&mut self, statement: &[PerlToken]) {
        let declared = |token: &&PerlToken| matches!(&token.kind, TokenKind::Word(word) if ["our", "my", "local", "return"].contains(&&**word));
        let skipped = statement.iter().take_while(declared).count();
        let tokens = statement.get(skipped..).unwrap_or_default();
        let tokens = without_plus(tokens);
        let kinds: Vec<&TokenKind> = tokens.iter().take(5).map(|token| &token.kind).collect();
        match kinds.as_slice() {
            [] | [TokenKind::Number(_)] => {}
            [TokenKind::Word(word), ..] if ["use", "no", "package"].contains(&&**word) => {}
            [TokenKind::Op("{"), ..] => self.hash(tokens),
            [TokenKind::Variable('$', name), TokenKind::Op("="), ..] => {
                let right = tokens.get(2..).unwrap_or_default();
                if without_plus(right).first().is_some_and(|first| first.is("{")) {
                    self.hash(without_plus(right));
                } else {
                    self.entry(tokens, name, None, right);
                }
            }
            [
                TokenKind::Variable('$', name),
                TokenKind::Op("{"),
                key,
                TokenKind::Op("}"),
                TokenKind::Op("="),
            ] => {
                let right = tokens.get(5..).unwrap_or_default();
                match self.key(key) {
                    Some(key) if is_config(name) => self.setting(tokens, &key, right),
                    Some(key) => self.entry(tokens, name, Some(key), right),
                    None => self.leftover(tokens),
                }
            }
            [TokenKind::Variable('%', name), TokenKind::Op("="), TokenKind::Op("("), ..]
                if is_config(name) =>
            {
                self.hash(tokens.get(2..).unwrap_or_default());
            }
            [TokenKind::Variable('%', name), TokenKind::Op("="), TokenKind::Op("("), ..] => {
                self.users(name, tokens.get(2..).unwrap_or_default());
            }
            _ => self.leftover(tokens),
        }
    }

    /// `{ name => value, ... }` or `( ... )`.
    fn hash(&mut self, tokens: &[PerlToken]) {
        self.old.form = OldForm::Hash;
        for pair in pairs(inside(tokens)) {
            match pair {
                (left, Some(right)) => match self.whole_key(left) {
                    Some(name) => self.setting(left, &name, right),
                    None => self.leftover(left),
                },
                (left, None) => self.leftover(left),
            }
        }
    }

    /// A setting of the hash. It may itself be a hash with a value for each user.
    fn setting(&mut self, at: &[PerlToken], name: &str, right: &[PerlToken]) {
        let right = without_plus(right);
        if right.first().is_some_and(|first| first.is("{")) {
            self.users(name, right);
        } else {
            self.entry(at, name, None, right);
        }
    }

    fn users(&mut self, name: &str, tokens: &[PerlToken]) {
        for (left, right) in pairs(inside(tokens)) {
            match (self.whole_key(left), right) {
                (Some(user), Some(right)) => self.entry(left, name, Some(user), right),
                _ => self.leftover(left),
            }
        }
    }

    fn entry(&mut self, at: &[PerlToken], name: &str, user: Option<String>, right: &[PerlToken]) {
        let value = self.value(right);
        if let (None, OldValue::Text(text)) = (&user, &value) {
            self.known.insert(name.to_owned(), text.clone());
        }
        let line = at.first().map_or(1, |token| token.line);
        self.old.entries.push(OldSetting { line, name: name.to_owned(), user, value });
    }

    fn value(&self, tokens: &[PerlToken]) -> OldValue {
        match tokens {
            [PerlToken { kind: TokenKind::Word(word), .. }] if word == "undef" => return OldValue::Undefined,
            [
                PerlToken { kind: TokenKind::Op("-"), .. },
                PerlToken { kind: TokenKind::Number(number), .. },
            ] => {
                return OldValue::Text(format!("-{}", number.replace('_', "")));
            }
            _ => {}
        }
        let mut text = String::new();
        for (nth, token) in tokens.iter().enumerate() {
            let joined = nth % 2 == 1;
            match (joined, self.text_of(&token.kind)) {
                (true, _) if token.is(".") => {}
                (false, Some(part)) => text.push_str(&part),
                _ => return OldValue::Code(self.source(tokens)),
            }
        }
        if tokens.len() % 2 == 1 { OldValue::Text(text) } else { OldValue::Code(self.source(tokens)) }
    }

    /// The text of a token.
    fn text_of(&self, kind: &TokenKind) -> Option<String> {
        match kind {
            TokenKind::Number(number) => Some(number.replace('_', "")),
            TokenKind::Variable('$', name) => self.known.get(name).cloned(),
            TokenKind::Pattern(pattern) => pattern.clone(),
            TokenKind::Text(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    QuotedPart::Literal(text) => Some(text.as_str()),
                    QuotedPart::Variable(name) => self.known.get(name).map(String::as_str),
                    QuotedPart::Code => None,
                })
                .collect(),
            _ => None,
        }
    }

    fn key(&self, kind: &TokenKind) -> Option<String> {
        match kind {
            TokenKind::Word(word) => Some(word.clone()),
            other => self.text_of(other),
        }
    }

    fn whole_key(&self, tokens: &[PerlToken]) -> Option<String> {
        match tokens {
            [only] => self.key(&only.kind),
            _ => None,
        }
    }

    fn leftover(&mut self, tokens: &[PerlToken]) {
        if let Some(first) = tokens.first() {
            self.old.leftovers.push((first.line, self.source(tokens)));
        }
    }

    fn source(&self, tokens: &[PerlToken]) -> String {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return String::new() };
        self.text.get(first.at.0..last.at.1).unwrap_or_default().to_owned()
    }
}

/// Whether this is the usual name of the hash of all settings.
fn is_config(name: &str) -> bool {
    name.eq_ignore_ascii_case("config")
}

/// Skips the `+` of `+{`, which Perl needs where `{` could start a block.
fn without_plus(tokens: &[PerlToken]) -> &[PerlToken] {
    match tokens {
        [plus, rest @ ..] if plus.is("+") => rest,
        all => all,
    }
}

/// The tokens between the first bracket and its partner.
fn inside(tokens: &[PerlToken]) -> &[PerlToken] {
    let mut depth = 0;
    for (nth, token) in tokens.iter().enumerate() {
        depth += step(token);
        if depth == 0 {
            return tokens.get(1..nth).unwrap_or_default();
        }
    }
    &[]
}

/// `a => b, c, d`: each key with its value. `=>` and the comma are the same in Perl.
fn pairs(tokens: &[PerlToken]) -> Vec<(&[PerlToken], Option<&[PerlToken]>)> {
    let mut depth = 0;
    let parts = tokens.split(|token| {
        depth += step(token);
        depth == 0 && (token.is(",") || token.is("=>"))
    });
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.chunks(2).filter_map(|pair| Some((*pair.first()?, pair.get(1).copied()))).collect()
}

/// Splits a file at its semicolons, and after blocks, which need none.
fn statements(tokens: &[PerlToken]) -> Vec<&[PerlToken]> {
    let mut found = Vec::new();
    let (mut begin, mut depth) = (0, 0);
    for (nth, token) in tokens.iter().enumerate() {
        depth += step(token);
        let block_ends = || {
            let block = tokens.get(begin).is_some_and(|first| {
                first.is("{") || matches!(&first.kind, TokenKind::Word(word) if BLOCKS.contains(&&**word))
            });
            let goes_on = matches!(tokens.get(nth + 1).map(|next| &next.kind), Some(TokenKind::Word(word)) if word.starts_with("els"));
            token.is("}") && block && !goes_on
        };
        if depth == 0 && (token.is(";") || block_ends()) {
            let end = if token.is(";") { nth } else { nth + 1 };
            found.push(tokens.get(begin..end).unwrap_or_default());
            begin = nth + 1;
        }
    }
    found.push(tokens.get(begin..).unwrap_or_default());
    found
}

const BLOCKS: &[&str] = &["if", "unless", "while", "until", "for", "foreach", "sub", "BEGIN", "END"];

/// +1 for an opening bracket, -1 for a closing one.
fn step(token: &PerlToken) -> isize {
    match &token.kind {
        TokenKind::Op("{" | "(" | "[") => 1,
        TokenKind::Op("}" | ")" | "]") => -1,
        _ => 0,
    }
}

fn check_brackets(file: &Path, tokens: &[PerlToken]) -> Result<(), Fault> {
    let mut open: Vec<&PerlToken> = Vec::new();
    for token in tokens {
        match step(token) {
            1 => open.push(token),
            -1 if open.pop().is_none() => {
                return Err(Fault::of_line(file, token.line, "this bracket was never opened"));
            }
            _ => {}
        }
    }
    match open.last() {
        Some(token) => Err(Fault::of_line(file, token.line, "the bracket that opens here is never closed")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(text: &str) -> OldConfig {
        read(Path::new("f"), text).expect("an old configuration")
    }

    /// `name`, `name{user}` with its value, in the order of the file.
    fn shown(text: &str) -> Vec<String> {
        let name = |entry: &OldSetting| match &entry.user {
            Some(user) => format!("{}{{{user}}}", entry.name),
            None => entry.name.clone(),
        };
        let value = |value: &OldValue| match value {
            OldValue::Text(text) => text.clone(),
            OldValue::Undefined => "undef".to_owned(),
            OldValue::Code(code) => format!("<{code}>"),
        };
        old(text).entries.iter().map(|entry| format!("{}={}", name(entry), value(&entry.value))).collect()
    }

    #[test]
    fn assignments_are_read() {
        let text = "$v = '2.2'; our $greeting = \"mpopd V$v\";\n$user_auth{'use-r'} = 6;\n$debug{bob}=1;\n\
            %user_log = ('a' => 1, b => 2);\n$x = 'a' . \"b\";\n$retry = -1; $none = undef;\n1;\n";
        let expected = [
            "v=2.2",
            "greeting=mpopd V2.2",
            "user_auth{use-r}=6",
            "debug{bob}=1",
            "user_log{a}=1",
            "user_log{b}=2",
            "x=ab",
            "retry=-1",
            "none=undef",
        ];
        assert_eq!(shown(text), expected);
        assert_eq!(old(text).form, OldForm::Assignments);
        assert_eq!(old(text).entries[2].line, 2);
    }

    #[test]
    fn a_hash_is_read_with_its_subs() {
        let text = "{\n 'port' => '110',\n check => sub {\n  my ($c) = @_;\n  $c =~ s#::#/#g;\n  if ($c eq 'x') { 1; }\n },\n\
            user_log => { 'a' => 1, },\n start => qr/^From /,\n empty => {},\n last => 0,\n}\n";
        let shown = shown(text);
        assert_eq!(shown[0], "port=110");
        assert!(shown[1].starts_with("check=<sub {") && shown[1].ends_with("}>"), "{}", shown[1]);
        assert_eq!(shown[2..], ["user_log{a}=1", "start=^From ", "last=0"]);
        assert_eq!((old(text).form, old(text).leftovers.len()), (OldForm::Hash, 0));
    }

    #[test]
    fn a_named_hash_is_the_same() {
        for text in [
            "our $config = { port => 1 };",
            "%CONFIG = (port => 1);",
            "$CONFIG{port} = 1;",
            "return +{ port => 1 };",
        ] {
            assert_eq!(shown(text), ["port=1"], "{text}");
        }
    }

    #[test]
    fn what_needs_perl_is_kept_as_it_is_written() {
        assert_eq!(shown("$port = 100 + 10;"), ["port=<100 + 10>"]);
        assert_eq!(shown("$a = $unknown;"), ["a=<$unknown>"]);
        assert_eq!(shown("$a = hostname();"), ["a=<hostname()>"]);
        let old = old("if (-d '/x') { $a = 1; }\nelse { $a = 2; }\n$b = 3;\nrequire 'x.pl';\n");
        let lines: Vec<_> = old.leftovers.iter().map(|(line, _)| *line).collect();
        assert_eq!((lines, old.entries.len()), (vec![1, 4], 1));
    }

    #[test]
    fn brackets_must_fit() {
        for (text, line) in [("{\n a => 1,\n", 1), ("\n$a = 1; }", 2), ("{\n a => [1,\n}", 1)] {
            let fault = read(Path::new("f"), text).unwrap_err();
            assert_eq!(fault.line, Some(line), "{fault}");
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let deep = format!("$a = {}{};", "[".repeat(200_000), "]".repeat(200_000));
        assert!(matches!(old(&deep).entries[0].value, OldValue::Code(_)));
    }
}
