//! LANG: the language of what replies say to humans (RFC 6856, section 3).

use crate::language::{self, Text};
use crate::reply::{self, Replies, TERMINATOR};
use crate::{Policy, Refusal};
use vocabulary::Language;

/// The longest part of a language range (RFC 4647, section 2.1).
const MAX_SUBTAG: usize = 8;

/// What a client asks for with LANG.
pub(crate) enum Wanted {
    /// No argument: the languages that there are.
    List,
    /// `*`: the one that the administrator prefers.
    Preferred,
    /// A basic language range; the language that it finds, if there is one.
    Range(Option<Language>),
}

pub(crate) fn parse(argument: &[u8]) -> Option<Wanted> {
    match argument {
        b"" => Some(Wanted::List),
        b"*" => Some(Wanted::Preferred),
        range => {
            let range = str::from_utf8(range).ok()?;
            let fits = |subtag: &str| {
                (1..=MAX_SUBTAG).contains(&subtag.len()) && subtag.bytes().all(|c| c.is_ascii_alphanumeric())
            };
            range.split('-').all(fits).then(|| Wanted::Range(language::find(range)))
        }
    }
}

/// The language from here on, if it changes; its reply is the first in it.
pub(crate) fn run(
    wanted: &Wanted,
    policy: &Policy,
    out: &mut Replies<'_>,
) -> Result<Option<Language>, Refusal> {
    let language = match wanted {
        Wanted::List => {
            list(out);
            return Ok(None);
        }
        Wanted::Preferred => policy.language,
        Wanted::Range(found) => found.ok_or(Refusal::NoSuchLanguage)?,
    };
    let said = language::say(language, Text::ThisLanguage);
    reply::line(out, format_args!("+OK {} {said}", language.word()));
    Ok(Some(language))
}

fn list(out: &mut Replies<'_>) {
    reply::ok(out, Text::Languages);
    for language in Language::ALL.iter().copied() {
        reply::line(out, format_args!("{} {}", language.word(), language::name(language)));
    }
    out.extend_from_slice(TERMINATOR);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    fn run_with(argument: &[u8], policy: &Policy) -> (Result<Option<Language>, Refusal>, String) {
        let mut result = Ok(None);
        let said = text(|out| result = run(&parse(argument).unwrap(), policy, out));
        (result, said)
    }

    #[test]
    fn a_language_begins_with_the_reply_to_its_command() {
        let german = (Ok(Some(Language::German)), "+OK de die Sprache ist Deutsch\r\n".to_owned());
        let policy = Policy { language: Language::German, ..Policy::default() };
        assert_eq!(run_with(b"DE-at", &Policy::default()), german);
        assert_eq!(run_with(b"*", &policy), german);
        assert_eq!(run_with(b"*", &Policy::default()).1, "+OK en the language is English\r\n");
        assert_eq!(run_with(b"sv", &policy), (Err(Refusal::NoSuchLanguage), String::new()));
    }

    #[test]
    fn without_an_argument_the_languages_are_listed() {
        let listed = "+OK list of languages follows\r\nen English\r\nde Deutsch\r\n.\r\n".to_owned();
        assert_eq!(run_with(b"", &Policy::default()), (Ok(None), listed));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for argument in [&b"-"[..], b"de-", b"de--AT", b"de AT", b"deutschland", b"d\xc3\xa4", b"**", b"\xff"]
        {
            assert!(parse(argument).is_none(), "{argument:?}");
        }
    }
}
