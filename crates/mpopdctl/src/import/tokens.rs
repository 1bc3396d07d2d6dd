//! Splits Perl into tokens. It knows as much of the language as old configuration files use, including subs,
//! whose ends it must find.

use std::path::Path;

use config::Fault;

use super::quotes::{self, QuotedPart};

/// A token and its place.
#[derive(Clone, Debug)]
pub(super) struct PerlToken {
    pub(super) kind: TokenKind,
    /// From 1.
    pub(super) line: usize,
    /// Its first octet in the file, and the one after its last.
    pub(super) at: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name without a sigil, `::` included.
    Word(String),
    /// `$name`, `%name` or `@name`.
    Variable(char, String),
    Number(String),
    /// A quoted text or heredoc.
    Text(Vec<QuotedPart>),
    /// `qr//` with its flags in front; `None` if it contains a variable.
    Pattern(Option<String>),
    /// `qw()`, `s///`, `m//`, `tr///`, which only code has.
    Quoted,
    Op(&'static str),
}

impl PerlToken {
    pub(super) fn is(&self, op: &str) -> bool {
        matches!(&self.kind, TokenKind::Op(this) if *this == op)
    }
}

/// Splits a file into tokens.
///
/// # Errors
///
/// A quoted text that has no end, at the line where it begins.
pub(super) fn tokens(file: &Path, text: &str) -> Result<Vec<PerlToken>, Fault> {
    let mut lexer = Lexer { text, at: 0, line: 1, tokens: Vec::new(), heredocs: Vec::new() };
    match lexer.run() {
        Ok(()) => Ok(lexer.tokens),
        Err(Unclosed { line, what }) => {
            Err(Fault::of_line(file, line, format!("the {what} that begins here has no end")))
        }
    }
}

/// Operators that would be misread one character at a time, the longest first.
const OPS: &[&str] = &[
    "<=>", "||=", "&&=", "//=", "**=", "...", "=>", "->", "=~", "!~", "==", "!=", "<=", ">=", "||", "&&",
    "//", ".=", "+=", "-=", "*=", "..", "++", "--", "::",
];
const SINGLE: &[&str] = &[
    "{", "}", "(", ")", "[", "]", ";", ",", "=", ".", "+", "-", "*", "/", "<", ">", "!", "?", ":", "&", "|",
    "^", "~", "\\", "%", "@", "$",
];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<PerlToken>,
    /// The heredocs that start in the next line.
    heredocs: Vec<Heredoc>,
}

struct Heredoc {
    /// The index of the token that gets the text.
    token: usize,
    end: String,
    indented: bool,
    literal: bool,
}

struct Unclosed {
    line: usize,
    what: &'static str,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) -> Result<(), Unclosed> {
        while let Some(c) = self.peek() {
            match c {
                '\n' => self.end_line(),
                _ if c.is_whitespace() => self.skip(c.len_utf8()),
                '#' => self.skip_line(),
                '=' if self.begins_line() && self.is_pod() => self.skip_pod(),
                _ if self.rest().starts_with("__END__") || self.rest().starts_with("__DATA__") => break,
                _ => self.token(c)?,
            }
        }
        Ok(())
    }

    fn token(&mut self, c: char) -> Result<(), Unclosed> {
        let (start, line) = (self.at, self.line);
        let index = self.tokens.len();
        self.tokens.push(PerlToken { kind: TokenKind::Quoted, line, at: (start, start) });
        let kind = match c {
            '\'' => self.single_quoted()?,
            '"' | '`' => TokenKind::Text(quotes::interpolated(self.delimited("quoted text")?)),
            '0'..='9' => {
                TokenKind::Number(self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_')))
            }
            '$' | '@' => self.variable(c),
            '%' if !self.after_value(index) => self.variable(c),
            '/' if !self.after_value(index) => {
                self.delimited("pattern")?;
                self.take_while(|c| c.is_ascii_alphabetic());
                TokenKind::Quoted
            }
            '<' if !self.after_value(index) && self.rest().starts_with("<<") => self.heredoc(index),
            _ if c.is_alphabetic() || c == '_' => self.word(index)?,
            _ => self.op(c),
        };
        if let Some(token) = self.tokens.get_mut(index) {
            token.kind = kind;
            token.at = (start, self.at);
        }
        Ok(())
    }

    fn word(&mut self, index: usize) -> Result<TokenKind, Unclosed> {
        let word = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
        let rest = self.rest().trim_start();
        // The word is a key here, even if it is an operator elsewhere.
        let key = rest.starts_with("=>")
            || rest.starts_with('}') && index.checked_sub(1).is_some_and(|last| self.tokens[last].is("{"));
        let quote = |c: char| !c.is_alphanumeric() && !matches!(c, ',' | ';' | ')' | '_');
        let spaced = self.rest().starts_with(char::is_whitespace);
        let delimiter = rest.chars().next().filter(|c| quote(*c) && !(spaced && matches!(c, '#' | '=')));
        if key || delimiter.is_none() || !matches!(&*word, "q" | "qq" | "qw" | "qr" | "m" | "s" | "tr" | "y")
        {
            return Ok(TokenKind::Word(word));
        }
        self.at = self.text.len() - rest.len();
        let body = self.delimited("quoted text")?;
        Ok(match &*word {
            "q" => TokenKind::Text(vec![QuotedPart::Literal(quotes::literal(body))]),
            "qq" => TokenKind::Text(quotes::interpolated(body)),
            "qr" => {
                let flags = self.take_while(|c| c.is_ascii_alphabetic());
                TokenKind::Pattern(quotes::pattern(body, &flags))
            }
            "s" | "tr" | "y" => {
                // `s/a/b/`: the second part ends where a third would begin; `s{a}{b}` has two of its own.
                if matches!(delimiter, Some('{' | '(' | '[' | '<')) {
                    let rest = self.rest().trim_start();
                    self.at = self.text.len() - rest.len();
                } else {
                    self.at -= 1;
                }
                self.delimited("substitution")?;
                self.take_while(|c| c.is_ascii_alphabetic());
                TokenKind::Quoted
            }
            _ => {
                self.take_while(|c| c.is_ascii_alphabetic());
                TokenKind::Quoted
            }
        })
    }

    fn single_quoted(&mut self) -> Result<TokenKind, Unclosed> {
        let body = self.delimited("quoted text")?;
        Ok(TokenKind::Text(vec![QuotedPart::Literal(quotes::literal(body))]))
    }

    /// The text between the delimiter here and its end, with backslashes.
    fn delimited(&mut self, what: &'static str) -> Result<&'a str, Unclosed> {
        let unclosed = Unclosed { line: self.line, what };
        let Some(open) = self.peek() else { return Err(unclosed) };
        let close = match open {
            '(' => ')',
            '[' => ']',
            '{' => '}',
            '<' => '>',
            other => other,
        };
        self.skip(open.len_utf8());
        let (start, mut depth) = (self.at, 1);
        while let Some(c) = self.peek() {
            let end = self.at;
            self.skip(c.len_utf8());
            match c {
                '\n' => self.line += 1,
                '\\' => {
                    if let Some(next) = self.peek() {
                        self.line += usize::from(next == '\n');
                        self.skip(next.len_utf8());
                    }
                }
                _ if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(self.text.get(start..end).unwrap_or_default());
                    }
                }
                _ if c == open => depth += 1,
                _ => {}
            }
        }
        Err(unclosed)
    }

    fn variable(&mut self, sigil: char) -> TokenKind {
        self.skip(1);
        let braced = self.rest().starts_with('{') && sigil == '$';
        if braced {
            let inner = self.rest().get(1..).unwrap_or_default();
            let length =
                inner.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
            if let Some((name, "}")) =
                inner.split_at_checked(length).map(|(name, end)| (name, end.get(..1).unwrap_or_default()))
            {
                self.skip(name.len() + 2);
                return TokenKind::Variable(sigil, name.to_owned());
            }
        }
        let name = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'));
        if !name.is_empty() {
            return TokenKind::Variable(sigil, name);
        }
        match sigil {
            '%' => TokenKind::Op("%"),
            '@' => TokenKind::Op("@"),
            // `$!`, `$$` and the like, but not `${ ... }`.
            _ => match self.peek() {
                Some(c) if c.is_ascii_punctuation() && !matches!(c, '{' | '}' | ';' | ',' | ')' | '$') => {
                    self.skip(1);
                    TokenKind::Variable('$', c.to_string())
                }
                _ => TokenKind::Op("$"),
            },
        }
    }

    /// `<<EOF`, `<<"EOF"`, `<<'EOF'`, `<<~EOF`; else it is an operator.
    fn heredoc(&mut self, token: usize) -> TokenKind {
        let after = self.rest().get(2..).unwrap_or_default();
        let (indented, after) = after.strip_prefix('~').map_or((false, after), |after| (true, after));
        let trimmed = after.trim_start_matches([' ', '\t']);
        let (literal, end, rest) = match trimmed.chars().next() {
            Some(quote @ ('"' | '\'')) => match trimmed.get(1..).and_then(|t| t.split_once(quote)) {
                Some((end, rest)) if !end.contains('\n') => (quote == '\'', end, rest),
                _ => return self.op('<'),
            },
            Some(c) if (c.is_alphabetic() || c == '_') && trimmed.len() == after.len() => {
                let length = trimmed
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .map(char::len_utf8)
                    .sum();
                match trimmed.split_at_checked(length) {
                    Some((end, rest)) => (false, end, rest),
                    None => return self.op('<'),
                }
            }
            _ => return self.op('<'),
        };
        self.at = self.text.len() - rest.len();
        self.heredocs.push(Heredoc { token, end: end.to_owned(), indented, literal });
        TokenKind::Text(Vec::new())
    }

    /// Skips the end of a line and the heredocs after it.
    fn end_line(&mut self) {
        self.skip(1);
        self.line += 1;
        for heredoc in std::mem::take(&mut self.heredocs) {
            let mut body = String::new();
            while !self.rest().is_empty() {
                let line = self.rest().split_inclusive('\n').next().unwrap_or_default();
                self.skip(line.len());
                self.line += 1;
                let shown = if heredoc.indented { line.trim_start() } else { line };
                if shown.trim_end_matches(['\n', '\r']) == heredoc.end {
                    break;
                }
                body.push_str(shown);
            }
            let pieces =
                if heredoc.literal { vec![QuotedPart::Literal(body)] } else { quotes::interpolated(&body) };
            if let Some(token) = self.tokens.get_mut(heredoc.token) {
                token.kind = TokenKind::Text(pieces);
            }
        }
    }

    fn op(&mut self, c: char) -> TokenKind {
        let rest = self.rest();
        let found = OPS.iter().find(|op| rest.starts_with(**op));
        let found = found.or_else(|| SINGLE.iter().find(|op| rest.starts_with(**op)));
        self.skip(found.map_or(c.len_utf8(), |op| op.len()));
        found.map_or(TokenKind::Quoted, |op| TokenKind::Op(op))
    }

    /// Whether the token before this one is a value: then `/` divides, `%` is a remainder and `<<` shifts.
    fn after_value(&self, index: usize) -> bool {
        let last = index.checked_sub(1).and_then(|last| self.tokens.get(last));
        last.is_some_and(|last| match &last.kind {
            TokenKind::Op(op) => matches!(*op, ")" | "]" | "}"),
            TokenKind::Word(_) => false,
            _ => true,
        })
    }

    fn is_pod(&self) -> bool {
        self.rest().chars().nth(1).is_some_and(char::is_alphabetic)
    }

    fn skip_pod(&mut self) {
        while !self.rest().is_empty() {
            let last = self.rest().starts_with("=cut");
            self.skip_line();
            if self.peek().is_some() {
                self.skip(1);
                self.line += 1;
            }
            if last {
                return;
            }
        }
    }

    fn begins_line(&self) -> bool {
        self.at == 0 || self.text.as_bytes().get(self.at - 1) == Some(&b'\n')
    }

    fn skip_line(&mut self) {
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        self.skip(length);
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> String {
        let length = self.rest().chars().take_while(|c| accept(*c)).map(char::len_utf8).sum();
        let taken = self.rest().get(..length).unwrap_or_default().to_owned();
        self.skip(length);
        taken
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self, octets: usize) {
        self.at += octets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        tokens(Path::new("f"), text).expect("tokens").into_iter().map(|token| token.kind).collect()
    }

    fn literal(text: &str) -> TokenKind {
        TokenKind::Text(vec![QuotedPart::Literal(text.to_owned())])
    }

    #[test]
    fn an_assignment_has_four_tokens() {
        let found = kinds("$port = '110'; # the usual\n");
        let expected =
            [TokenKind::Variable('$', "port".into()), TokenKind::Op("="), literal("110"), TokenKind::Op(";")];
        assert_eq!(found, expected);
    }

    #[test]
    fn quotes_of_every_form_end_where_perl_ends_them() {
        assert_eq!(kinds(r"q{a{b}c}"), [literal("a{b}c")]);
        assert_eq!(kinds(r"'it\'s'"), [literal("it's")]);
        assert_eq!(kinds("qr/^From /i"), [TokenKind::Pattern(Some("(?i)^From ".into()))]);
        assert_eq!(kinds("$x =~ s#::#/#g;").last(), Some(&TokenKind::Op(";")));
        assert_eq!(kinds("s{a}{b}e ;").last(), Some(&TokenKind::Op(";")));
        assert_eq!(kinds("$x =~ /a}b/ }").last(), Some(&TokenKind::Op("}")));
        assert_eq!(kinds("qw(a b) ]").len(), 2);
    }

    #[test]
    fn words_that_quote_are_keys_where_keys_stand() {
        assert_eq!(kinds("{ s => 1 }")[1], TokenKind::Word("s".into()));
        assert_eq!(kinds("$h{y}")[2], TokenKind::Word("y".into()));
    }

    #[test]
    fn a_heredoc_is_the_text_below_its_line() {
        let found = tokens(Path::new("f"), "$a = <<'EOF' . 'x';\none }\nEOF\n$b = 1;\n").unwrap();
        assert_eq!(found[2].kind, literal("one }\n"));
        assert_eq!(found[4].kind, literal("x"));
        assert_eq!(found.last().map(|token| token.line), Some(4));
    }

    #[test]
    fn comments_and_pod_are_no_tokens() {
        assert_eq!(
            kinds("# { ' \"\n=head1 It's\n\n}\n\n=cut\n1\n__END__\n'"),
            [TokenKind::Number("1".into())]
        );
    }

    #[test]
    fn what_has_no_end_is_told_with_its_line() {
        for text in ["\n$a = 'x\n\n", "\n$a = qq{x\n", "\n$a =~ s/x/y\n"] {
            let fault = tokens(Path::new("f"), text).unwrap_err().to_string();
            assert!(fault.starts_with("f:2: ") && fault.ends_with("has no end"), "{fault}");
        }
    }

    #[test]
    fn odd_octets_and_ends_are_survived() {
        for text in ["$", "${", "%", "@", "<<", "<<\"", "q", "s", "é = €", "\\", "$x{", "<<~", "tr", "qr"]
        {
            let _ = tokens(Path::new("f"), text);
        }
    }
}
