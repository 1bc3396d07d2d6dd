//! What replies say to humans, in every language (RFC 6856, section 3).
//!
//! A new language is a file here, a [`Language`], and its arms below: the compiler asks for each text.

mod english;
mod german;

use crate::{MessageFault, MessageNumber, Refusal, Shutdown};
use std::fmt;
use vocabulary::Language;

/// What the language calls itself.
pub(crate) fn name(language: Language) -> &'static str {
    match language {
        Language::English => "English",
        Language::German => "Deutsch",
    }
}

/// The language that a basic language range asks for, by lookup (RFC 4647, section 3.4): `de-CH` finds `de`.
pub(crate) fn find(range: &str) -> Option<Language> {
    let primary = range.split('-').next().unwrap_or_default();
    Language::ALL.iter().copied().find(|language| language.word().eq_ignore_ascii_case(primary))
}

/// A text in a language.
pub(crate) fn say(language: Language, text: Text) -> impl fmt::Display {
    Said(language, text)
}

/// What a reply says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text {
    /// The replies are in this language from here on.
    ThisLanguage,
    Languages,
    SendPassword,
    Mechanisms,
    Capabilities,
    BeginTls,
    /// A proxy has said for whom it speaks.
    Forwarded,
    Utf8Mode,
    /// What there is after a login, and after RSET.
    Maildrop {
        messages: u32,
        octets: u64,
    },
    /// What LIST lists.
    Messages {
        messages: u32,
        octets: u64,
    },
    Identifiers,
    /// The octets of the message that follows. Some clients read the number, so it comes first.
    Octets(u64),
    TopOfMessage,
    Marked(MessageNumber),
    NothingDone,
    Goodbye,
    Removed(u32),
    PartlyRemoved {
        removed: u32,
        marked: u32,
    },
    NotUpdated,
    TooManyBadCommands,
    Refused(Refusal),
    WrongCredentials,
    HostNotAllowed,
    MaildropInUse,
    LoginTooSoon,
    TooManySessions,
    NoLoginNow,
    MaildropUnusable,
    NotSent(MessageFault),
    Closing(Shutdown),
}

struct Said(Language, Text);

impl fmt::Display for Said {
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
    use crate::{Verb, login_failure};
    use vocabulary::LoginFailure;

    /// One of each kind.
    fn texts() -> Vec<Text> {
        let mut texts = vec![
            Text::ThisLanguage,
            Text::Languages,
            Text::SendPassword,
            Text::Mechanisms,
            Text::Capabilities,
            Text::BeginTls,
            Text::Forwarded,
            Text::Utf8Mode,
            Text::Maildrop { messages: 1, octets: 2 },
            Text::Messages { messages: 1, octets: 2 },
            Text::Identifiers,
            Text::Octets(2),
            Text::TopOfMessage,
            Text::Marked(MessageNumber::FIRST),
            Text::NothingDone,
            Text::Goodbye,
            Text::Removed(1),
            Text::PartlyRemoved { removed: 1, marked: 2 },
            Text::NotUpdated,
            Text::TooManyBadCommands,
        ];
        texts.extend(Refusal::ALL.map(Text::Refused));
        texts.extend(Verb::ALL.map(|verb| Text::Refused(Refusal::Usage(verb))));
        texts.extend(LoginFailure::ALL.iter().map(|failure| login_failure::reply(*failure).1));
        texts.extend(MessageFault::ALL.map(Text::NotSent));
        let closing = [Shutdown::Stopping, Shutdown::Kicked, Shutdown::Busy, Shutdown::Fault];
        texts.extend(closing.map(Text::Closing));
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
