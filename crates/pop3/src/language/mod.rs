//! The texts of replies in every language (RFC 6856, section 3).
//!
//! To add a language, add a [`Language`], a file here, and its arms below. The compiler then demands every
//! text.

mod english;
mod german;
mod text;

pub(crate) use text::ReplyText;

use std::fmt;
use vocabulary::Language;

/// The name of a language in that language.
pub(crate) fn name(language: Language) -> &'static str {
    match language {
        Language::English => "English",
        Language::German => "Deutsch",
    }
}

/// Looks up the language for a basic language range (RFC 4647, section 3.4): `de-CH` finds `de`.
pub(crate) fn find(range: &str) -> Option<Language> {
    let primary = range.split('-').next().unwrap_or_default();
    Language::ALL.iter().copied().find(|language| language.word().eq_ignore_ascii_case(primary))
}

/// A text in a language.
pub(crate) fn say(language: Language, text: ReplyText) -> impl fmt::Display {
    LocalizedText(language, text)
}

struct LocalizedText(Language, ReplyText);

impl fmt::Display for LocalizedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Language::English => english::write(self.1, f),
            Language::German => german::write(self.1, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CommandError, MessageError, MessageNumber, Shutdown, Verb, login_failure};
    use vocabulary::LoginFailure;

    /// At least one of each variant.
    fn texts() -> Vec<ReplyText> {
        let mut texts = vec![
            ReplyText::ThisLanguage,
            ReplyText::Languages,
            ReplyText::SendPassword,
            ReplyText::Mechanisms,
            ReplyText::Capabilities,
            ReplyText::BeginTls,
            ReplyText::Forwarded,
            ReplyText::Utf8Mode,
            ReplyText::Maildrop { messages: 1, octets: 2 },
            ReplyText::Messages { messages: 1, octets: 2 },
            ReplyText::Identifiers,
            ReplyText::Octets(2),
            ReplyText::TopOfMessage,
            ReplyText::Marked(MessageNumber::FIRST),
            ReplyText::NothingDone,
            ReplyText::Goodbye,
            ReplyText::Removed(1),
            ReplyText::PartlyRemoved { removed: 1, marked: 2 },
            ReplyText::NotUpdated,
            ReplyText::TooManyBadCommands,
        ];
        texts.extend(CommandError::ALL.map(ReplyText::Refused));
        texts.extend(Verb::ALL.map(|verb| ReplyText::Refused(CommandError::Usage(verb))));
        texts.extend(LoginFailure::ALL.iter().map(|failure| login_failure::reply(*failure).1));
        texts.extend(MessageError::ALL.map(ReplyText::NotSent));
        let closing = [Shutdown::Stopping, Shutdown::Kicked, Shutdown::Busy, Shutdown::ServerError];
        texts.extend(closing.map(ReplyText::Closing));
        texts
    }

    #[test]
    fn every_text_in_every_language_is_a_line_that_is_no_response_code() {
        for text in texts() {
            for language in Language::ALL.iter().copied() {
                let said = say(language, text).to_string();
                assert!(!said.is_empty() && said.len() < 200, "{said}");
                assert!(!said.contains(char::is_control) && !said.starts_with('['), "{said}");
            }
            assert!(say(Language::English, text).to_string().is_ascii());
        }
    }

    #[test]
    fn no_text_was_left_in_english() {
        for text in texts() {
            let [english, german] =
                [Language::English, Language::German].map(|language| say(language, text).to_string());
            assert_ne!(english, german);
        }
    }

    #[test]
    fn a_range_finds_its_language() {
        for range in ["de", "DE", "de-AT", "de-Latn-CH-1996"] {
            assert_eq!(find(range), Some(Language::German), "{range}");
        }
        assert_eq!(find("en-GB-oed"), Some(Language::English));
        for range in ["", "d", "deu", "den", "sv", "i-de", "*-de", "-de"] {
            assert_eq!(find(range), None, "{range}");
        }
    }
}
