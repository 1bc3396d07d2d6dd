//! Where UIDLs come from: the setting `uidl`.

use std::fmt;
use std::io;

use super::message_header::{MessageHeader, hex};
use super::remembered::RememberedUidls;
use super::source::UidlSource;
use super::template::{TemplateProblem, UidlFacts, UidlTemplate};
use super::{courier, dovecot};

/// The largest file of another server that is read, in octets: some 100 for each of `max_messages`.
const MOST_LIST: u64 = 256 << 20;

/// Where a message's UIDL comes from (setting `uidl`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UidlScheme(Scheme);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Scheme {
    #[default]
    Default,
    /// Dovecot's `pop3_uidl_format`.
    Dovecot(UidlTemplate),
    Courier,
    FileName,
    /// Mail::POP3 3.x: the file name in a Maildir, `Message-Id:` spelled exactly like this in an mbox.
    Original,
    MessageId,
    Qpopper,
    Popa3d,
}

/// The words that the setting takes, except templates.
const WORDS: [(&str, Scheme); 7] = [
    ("default", Scheme::Default),
    ("courier", Scheme::Courier),
    ("qmail", Scheme::FileName),
    ("original-3x", Scheme::Original),
    ("message-id", Scheme::MessageId),
    ("qpopper", Scheme::Qpopper),
    ("popa3d", Scheme::Popa3d),
];

/// Dovecot's UIDLs if nothing else is configured.
const DOVECOT: &str = "%08Xu%08Xv";

impl UidlScheme {
    /// Parses the setting: `default`, `dovecot`, `courier`, `qmail`, `original-3x`, `message-id`, `qpopper`,
    /// `popa3d`, or a template with per cent signs.
    ///
    /// # Errors
    ///
    /// It is none of these, or a template that would give all messages the same UIDL.
    pub fn parse(text: &str) -> Result<Self, UidlSchemeError> {
        if let Some((_, scheme)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(Self(scheme.clone()));
        }
        let template = match text {
            "dovecot" => DOVECOT,
            _ if text.contains('%') => text,
            _ => return Err(UidlSchemeError(SchemeProblem::Unknown(text.to_owned()))),
        };
        let template = UidlTemplate::parse(template)
            .map_err(|problem| UidlSchemeError(SchemeProblem::Template(problem)))?;
        Ok(Self(Scheme::Dovecot(template)))
    }

    /// Whether the UIDLs are our own.
    pub(crate) fn is_default(&self) -> bool {
        self.0 == Scheme::Default
    }
}

/// Why a setting is no scheme of UIDLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UidlSchemeError(SchemeProblem);

#[derive(Debug, Clone, PartialEq, Eq)]
enum SchemeProblem {
    /// It is neither a word nor a template.
    Unknown(String),
    Template(TemplateProblem),
}

impl fmt::Display for UidlSchemeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SchemeProblem::Unknown(text) => write!(f, "{text:?} is no scheme of UIDLs")?,
            SchemeProblem::Template(problem) => problem.fmt(f)?,
        }
        let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
        write!(f, "; use {}, dovecot, or a template such as \"{DOVECOT}\"", words.join(", "))
    }
}

impl std::error::Error for UidlSchemeError {}

impl UidlScheme {
    /// The UIDLs that the old server gave. `memory` restricts them to the messages that the server knew when
    /// we first looked.
    pub(super) fn old(
        &self,
        source: &dyn UidlSource,
        memory: &mut RememberedUidls,
    ) -> io::Result<Vec<Option<Vec<u8>>>> {
        let defaults = source.defaults();
        let all = 0..defaults.len();
        let from_header = |of: &dyn Fn(&MessageHeader<'_>) -> Option<Vec<u8>>| {
            all.clone()
                .map(|index| Ok(source.head(index)?.and_then(|head| of(&MessageHeader::of(&head)))))
                .collect()
        };
        match &self.0 {
            Scheme::Default => Ok(defaults.iter().map(|uidl| Some(uidl.as_bytes().to_vec())).collect()),
            Scheme::FileName => Ok(all.map(|index| source.name(index).map(Vec::from)).collect()),
            Scheme::Original if source.are_files() => Self(Scheme::FileName).old(source, memory),
            Scheme::Original => from_header(&|head| head.original_message_id()),
            Scheme::MessageId => from_header(&|head| head.value(b"Message-ID")),
            Scheme::Qpopper => from_header(&|head| head.value(b"X-UIDL")),
            Scheme::Popa3d => from_header(&|head| Some(head.popa3d())),
            Scheme::Courier => {
                let text = source.list(courier::FILE, MOST_LIST)?.unwrap_or_default();
                let list = courier::CourierList::parse(&text);
                let base = memory.base_or(list.base);
                Ok(all.map(|index| list.uidl(&source.name(index)?, base)).collect())
            }
            Scheme::Dovecot(template) if source.are_files() => {
                let text = source.list(dovecot::FILE, MOST_LIST)?.unwrap_or_default();
                let list = dovecot::DovecotList::parse(&text);
                let base = memory.base_or(list.base);
                Ok(all.map(|index| list.uidl(&source.name(index)?, base, template)).collect())
            }
            Scheme::Dovecot(template) => in_mbox(template, source, memory, defaults.len()),
        }
    }
}

/// Dovecot's UIDLs for the messages of an mbox: it writes its numbers into their headers.
fn in_mbox(
    template: &UidlTemplate,
    source: &dyn UidlSource,
    memory: &mut RememberedUidls,
    count: usize,
) -> io::Result<Vec<Option<Vec<u8>>>> {
    let mut olds = Vec::with_capacity(count);
    let mut base = memory.base();
    for index in 0..count {
        let head = source.head(index)?.unwrap_or_default();
        let head = MessageHeader::of(&head);
        if index == 0 {
            // It is remembered because it disappears with the first message, and because anybody who sends
            // mail could write another one.
            base = memory.base_or(head.imap_base());
        }
        // A number is judged without those of the messages around it, because those may disappear. A sender
        // who invents one can only take the place of a message that is not there, and hide this one from
        // clients that had that message.
        let uid = head.uid().filter(|&uid| base.is_some_and(|base| uid < base.next));
        let md5 = head.dovecot();
        let hex = hex(&md5);
        let validity = base.map(|base| base.validity);
        olds.push(template.fill(&UidlFacts { uid, validity, file: None, guid: Some(&hex), md5: Some(&hex) }));
    }
    Ok(olds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_is_a_word_or_a_template() {
        for (word, scheme) in WORDS {
            assert_eq!(UidlScheme::parse(word), Ok(UidlScheme(scheme)));
        }
        assert_eq!(UidlScheme::parse("dovecot"), UidlScheme::parse("%08Xu%08Xv"));
        let told = UidlScheme::parse("cyrus").unwrap_err().to_string();
        assert!(told.starts_with("\"cyrus\" is no scheme of UIDLs; use default, courier,"), "{told}");
        assert!(UidlScheme::parse("%v").is_err() && UidlScheme::parse("").is_err());
    }
}
