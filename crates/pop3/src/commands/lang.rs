//! LANG: selects the language of replies (RFC 6856, section 3).

use crate::language::{self, ReplyText};
use crate::reply::{self, ReplyWriter, TERMINATOR};
use crate::{CommandError, Policy};
use vocabulary::Language;

/// The longest subtag of a language range (RFC 4647, section 2.1).
const MAX_SUBTAG: usize = 8;

/// The argument of LANG.
pub(crate) enum LangArgument {
    /// No argument: list the languages.
    List,
    /// `*`: the administrator's preference.
    Preferred,
    /// A basic language range, and the language found for it, if any.
    Range(Option<Language>),
}

pub(crate) fn parse(argument: &[u8]) -> Option<LangArgument> {
    match argument {
        b"" => Some(LangArgument::List),
        b"*" => Some(LangArgument::Preferred),
        range => {
            let range = str::from_utf8(range).ok()?;
            let fits = |subtag: &str| {
                (1..=MAX_SUBTAG).contains(&subtag.len()) && subtag.bytes().all(|c| c.is_ascii_alphanumeric())
            };
            range.split('-').all(fits).then(|| LangArgument::Range(language::find(range)))
        }
    }
}

/// Returns the language from now on, if it changes. The reply is already in the new language.
pub(crate) fn run(
    wanted: &LangArgument,
    policy: &Policy,
    out: &mut ReplyWriter<'_>,
) -> Result<Option<Language>, CommandError> {
    let language = match wanted {
        LangArgument::List => {
            list(out);
            return Ok(None);
        }
        LangArgument::Preferred => policy.language,
        LangArgument::Range(found) => found.ok_or(CommandError::NoSuchLanguage)?,
    };
    let said = language::say(language, ReplyText::ThisLanguage);
    reply::line(out, format_args!("+OK {} {said}", language.word()));
    Ok(Some(language))
}

fn list(out: &mut ReplyWriter<'_>) {
    reply::ok(out, ReplyText::Languages);
    for language in Language::ALL.iter().copied() {
        reply::line(out, format_args!("{} {}", language.word(), language::name(language)));
    }
    out.extend_from_slice(TERMINATOR);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    fn run_with(argument: &[u8], policy: &Policy) -> (Result<Option<Language>, CommandError>, String) {
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
        assert_eq!(run_with(b"sv", &policy), (Err(CommandError::NoSuchLanguage), String::new()));
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
