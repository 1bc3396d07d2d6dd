//! Paths with placeholders for names: `/home/%d/%n/Maildir`.

use std::fmt;
use std::path::{Component, Path, PathBuf};

use crate::part::{BadPart, path_part};

/// A path with placeholders. It is parsed once and expanded at each login.
///
/// `%u` is the whole user name, `%n` the part before the last `@`, `%d` the part after it, `%h` the home
/// directory, and `%%` a per cent sign. The path is absolute: it begins with `/` or `%h/`, or is just `%h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    text: String,
    pieces: Vec<TemplatePart>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Literal(String),
    User,
    LocalPart,
    Domain,
    Home,
}

/// The names that a [`PathTemplate`] is expanded with.
#[derive(Clone, Copy, Debug)]
pub struct Expansion<'a> {
    /// The whole user name.
    pub user: &'a str,
    /// The user name without its domain.
    pub local_part: &'a str,
    /// The domain of `user@domain`, if there is one.
    pub domain: Option<&'a str>,
    /// The home directory, an absolute path, if the user database has one.
    pub home: Option<&'a Path>,
}

impl<'a> Expansion<'a> {
    /// Splits the user name at its last `@`. A name without one is only a local part.
    pub fn of(user: &'a str, home: Option<&'a Path>) -> Self {
        let (local_part, domain) = match user.rsplit_once('@') {
            Some((local_part, domain)) => (local_part, Some(domain)),
            None => (user, None),
        };
        Self { user, local_part, domain, home }
    }
}

impl PathTemplate {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// A `%` followed by anything but `u`, `n`, `d`, `h` or `%`; a path that is not absolute; a control
    /// character; a `..` in the path.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.chars().any(char::is_control) {
            return Err(TemplateError::Control);
        }
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            let piece = match c {
                '%' => match chars.next() {
                    Some('u') => TemplatePart::User,
                    Some('n') => TemplatePart::LocalPart,
                    Some('d') => TemplatePart::Domain,
                    Some('h') => TemplatePart::Home,
                    Some('%') => {
                        literal.push('%');
                        continue;
                    }
                    other => return Err(TemplateError::UnknownPercent(other)),
                },
                c => {
                    literal.push(c);
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(TemplatePart::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(piece);
        }
        if !literal.is_empty() {
            pieces.push(TemplatePart::Literal(literal));
        }
        Self { text: text.to_owned(), pieces }.checked()
    }

    /// The template as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The folder that contains the paths of all users; `None` if they are in home directories.
    pub fn root(&self) -> Option<PathBuf> {
        match self.pieces.as_slice() {
            // Without a slash at the end, the last part continues with the name.
            [TemplatePart::Literal(first), ..] if first.ends_with('/') => Some(first.into()),
            [TemplatePart::Literal(first), ..] => Path::new(first).parent().map(Path::to_owned),
            _ => None,
        }
    }

    /// The path for one user.
    ///
    /// The names have been checked where they came in. They are checked again here, because an error would
    /// open the mail of another user.
    ///
    /// # Errors
    ///
    /// The template needs a domain or a home that this user does not have, or a name cannot be part of a
    /// path.
    pub fn expand(&self, with: Expansion<'_>) -> Result<PathBuf, ExpansionError> {
        let mut path = std::ffi::OsString::new();
        for piece in &self.pieces {
            match piece {
                TemplatePart::Literal(text) => path.push(text),
                TemplatePart::User => path.push(name('u', with.user)?),
                TemplatePart::LocalPart => path.push(name('n', with.local_part)?),
                TemplatePart::Domain => path.push(name('d', with.domain.ok_or(ExpansionError::NoDomain)?)?),
                TemplatePart::Home => path.push(home(with.home)?),
            }
        }
        Ok(PathBuf::from(path))
    }

    fn checked(self) -> Result<Self, TemplateError> {
        let home_elsewhere = self.pieces.iter().skip(1).any(|piece| *piece == TemplatePart::Home);
        let absolute = match self.pieces.as_slice() {
            [TemplatePart::Literal(first), ..] => first.starts_with('/'),
            [TemplatePart::Home] => true,
            [TemplatePart::Home, TemplatePart::Literal(next), ..] => next.starts_with('/'),
            _ => false,
        };
        if !absolute || home_elsewhere {
            return Err(TemplateError::NotAbsolute);
        }
        if Path::new(&self.text).components().any(|part| part == Component::ParentDir) {
            return Err(TemplateError::ParentDir);
        }
        Ok(self)
    }
}

fn name(letter: char, text: &str) -> Result<&str, ExpansionError> {
    path_part(text).map_err(|why| ExpansionError::Name(letter, why))?;
    Ok(text)
}

fn home(home: Option<&Path>) -> Result<&Path, ExpansionError> {
    let home = home.ok_or(ExpansionError::NoHome)?;
    let leads_elsewhere = home.components().any(|part| part == Component::ParentDir);
    if !home.is_absolute() || leads_elsewhere { Err(ExpansionError::Home) } else { Ok(home) }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a template. The configuration is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A `%` that is followed by this letter, or by nothing.
    UnknownPercent(Option<char>),
    /// It begins neither with `/` nor with `%h`, or `%h` is not at the beginning.
    NotAbsolute,
    /// It has a `..`.
    ParentDir,
    /// It has a control character.
    Control,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownPercent(Some(letter)) => {
                write!(f, "%{letter} is unknown: there are %u, %n, %d, %h and %%")
            }
            Self::UnknownPercent(None) => f.write_str("a % at the end: write %% for a per cent sign"),
            Self::NotAbsolute => f.write_str("it must begin with / or %h/, and have %h nowhere else"),
            Self::ParentDir => f.write_str("it must not have .. in it"),
            Self::Control => f.write_str("it has a control character"),
        }
    }
}

impl std::error::Error for TemplateError {}

/// Why there is no path for this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpansionError {
    /// The template has `%d`, and the user name no `@domain`.
    NoDomain,
    /// The template has `%h`, and the user database no home.
    NoHome,
    /// The home in the user database is not an absolute path without `..`.
    Home,
    /// The name for this letter cannot be part of a path.
    Name(char, BadPart),
}

impl fmt::Display for ExpansionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDomain => f.write_str("the path needs %d, and the user name has no domain"),
            Self::NoHome => f.write_str("the path needs %h, and the user database gives no home"),
            Self::Home => f.write_str("the home in the user database is not an absolute path without .."),
            Self::Name(letter, why) => write!(f, "%{letter} cannot be part of a path: {why}"),
        }
    }
}

impl std::error::Error for ExpansionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, user: &str, home: Option<&str>) -> Result<PathBuf, ExpansionError> {
        PathTemplate::parse(template).unwrap().expand(Expansion::of(user, home.map(Path::new)))
    }

    #[test]
    fn every_letter_stands_for_its_name() {
        let path = expand("/v/%d/%n/100%%/%u", "a@b@example.org", None).unwrap();
        assert_eq!(path, Path::new("/v/example.org/a@b/100%/a@b@example.org"));
        assert_eq!(expand("%h/Maildir", "x", Some("/home/x")).unwrap(), Path::new("/home/x/Maildir"));
        assert_eq!(expand("/v/%n", "x", None).unwrap(), Path::new("/v/x"));
    }

    #[test]
    fn the_root_is_what_all_users_share() {
        let root = |text: &str| PathTemplate::parse(text).unwrap().root();
        assert_eq!(root("/v/%d/%n").as_deref(), Some(Path::new("/v")));
        assert_eq!(root("/v/box-%n/mbox").as_deref(), Some(Path::new("/v")));
        assert_eq!(root("/%u").as_deref(), Some(Path::new("/")));
        assert_eq!(root("/v/shared").as_deref(), Some(Path::new("/v")));
        assert_eq!(root("%h/Maildir"), None);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (text, why) in [
            ("/v/%x", TemplateError::UnknownPercent(Some('x'))),
            ("/v/%", TemplateError::UnknownPercent(None)),
            ("v/%u", TemplateError::NotAbsolute),
            ("%u/x", TemplateError::NotAbsolute),
            ("%hx", TemplateError::NotAbsolute),
            ("/v/%h", TemplateError::NotAbsolute),
            ("", TemplateError::NotAbsolute),
            ("/v/../%u", TemplateError::ParentDir),
            ("/v/\0%u", TemplateError::Control),
        ] {
            assert_eq!(PathTemplate::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_open_nothing() {
        for user in ["", ".", "..", "../x", "a/b", ".x", "a\0b", "x@..", "@x", "x@"] {
            assert!(expand("/v/%d/%n/%u", user, None).is_err(), "{user:?}");
        }
        assert_eq!(expand("/v/%d", "x", None), Err(ExpansionError::NoDomain));
        assert_eq!(expand("%h/m", "x", None), Err(ExpansionError::NoHome));
        assert_eq!(expand("%h/m", "x", Some("/home/../root")), Err(ExpansionError::Home));
        assert_eq!(expand("%h/m", "x", Some("home/x")), Err(ExpansionError::Home));
    }
}
