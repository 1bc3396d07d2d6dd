//! Kinds of values: how they are parsed, printed and described.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use crate::types::SecretText;

/// A type of values with its bounds. `kinds.rs` has the actual kinds.
pub(crate) struct SettingKind<T> {
    accepts: String,
    read: Box<Read<T>>,
    show: Box<dyn Fn(&T) -> String>,
}

type Read<T> = dyn Fn(&Spanned<DeValue<'_>>) -> Result<T, Vec<Wrong>>;

/// What is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Its place in the file, in octets.
    pub(crate) span: Range<usize>,
    /// Why it is wrong, and what is accepted.
    pub(crate) what: String,
}

impl<T: 'static> SettingKind<T> {
    /// A kind whose values are either accepted or not.
    pub(crate) fn new(
        accepts: impl Into<String>,
        read: impl Fn(&DeValue<'_>) -> Option<T> + 'static,
        show: impl Fn(&T) -> String + 'static,
    ) -> Self {
        let accepts = accepts.into();
        let wanted = accepts.clone();
        let read = move |value: &Spanned<DeValue<'_>>| {
            read(value.get_ref()).ok_or_else(|| {
                wrong(value, &format!("{} is not accepted", describe(value.get_ref())), &wanted)
            })
        };
        Self { accepts, read: Box::new(read), show: Box::new(show) }
    }

    /// A kind whose values contain other values. `read` reports what is wrong, and where.
    pub(crate) fn of_values(
        accepts: impl Into<String>,
        read: impl Fn(&Spanned<DeValue<'_>>) -> Result<T, Vec<Wrong>> + 'static,
        show: impl Fn(&T) -> String + 'static,
    ) -> Self {
        Self { accepts: accepts.into(), read: Box::new(read), show: Box::new(show) }
    }

    /// A kind written as a TOML string. `read` reports what is wrong with it.
    pub(crate) fn of_text(
        accepts: impl Into<String>,
        read: impl Fn(&str) -> Result<T, String> + 'static,
        show: impl Fn(&T) -> String + 'static,
    ) -> Self {
        let accepts = accepts.into();
        let wanted = accepts.clone();
        let read = move |value: &Spanned<DeValue<'_>>| {
            let found = describe(value.get_ref());
            match value.get_ref() {
                DeValue::String(text) => read(text)
                    .map_err(|why| wrong(value, &format!("{found} is not accepted: {why}"), &wanted)),
                _ => Err(wrong(value, &format!("{found} is not accepted"), &wanted)),
            }
        };
        Self { accepts, read: Box::new(read), show: Box::new(move |value| quoted(&show(value))) }
    }

    /// A secret, written as a TOML string. Neither errors nor `--print-config` repeat it.
    pub(crate) fn of_secret(
        accepts: impl Into<String>,
        read: impl Fn(&str) -> Result<T, String> + 'static,
        is_empty: impl Fn(&T) -> bool + 'static,
    ) -> Self {
        let accepts = accepts.into();
        let wanted = accepts.clone();
        let read = move |value: &Spanned<DeValue<'_>>| {
            let read = match value.get_ref() {
                DeValue::String(text) if *text == SecretText::SHOWN => {
                    Err("it is what --print-config shows in place of a secret".to_owned())
                }
                DeValue::String(text) => read(text),
                _ => Err("it is no text".to_owned()),
            };
            read.map_err(|why| wrong(value, &format!("the value is not accepted: {why}"), &wanted))
        };
        let show = move |value: &T| quoted(if is_empty(value) { "" } else { SecretText::SHOWN });
        Self { accepts, read: Box::new(read), show: Box::new(show) }
    }

    /// The same kind, or none, which is written as the empty string.
    pub(crate) fn or_none(self) -> SettingKind<Option<T>> {
        let Self { accepts, read, show } = self;
        SettingKind {
            accepts: format!("{accepts}; \"\" for none"),
            read: Box::new(move |value| match value.get_ref() {
                DeValue::String(text) if text.is_empty() => Ok(None),
                _ => read(value).map(Some),
            }),
            show: Box::new(move |value| value.as_ref().map_or_else(|| quoted(""), &show)),
        }
    }

    /// A list of this kind without duplicates. Every wrong value of the list is reported.
    pub(crate) fn list(self, may_be_empty: bool) -> SettingKind<Vec<T>>
    where
        T: PartialEq,
    {
        let Self { accepts, read, show } = self;
        let accepts =
            format!("{}, each {accepts}", if may_be_empty { "a list" } else { "a list of at least one" });
        let wanted = accepts.clone();
        let read = move |value: &Spanned<DeValue<'_>>| {
            let DeValue::Array(items) = value.get_ref() else {
                return Err(wrong(value, &format!("{} is not accepted", describe(value.get_ref())), &wanted));
            };
            if items.is_empty() && !may_be_empty {
                return Err(wrong(value, "an empty list is not accepted", &wanted));
            }
            let (mut good, mut bad) = (Vec::new(), Vec::new());
            for item in items.iter() {
                match read(item) {
                    Ok(same) if good.contains(&same) => {
                        let what = format!("{} is in the list twice; remove one", describe(item.get_ref()));
                        bad.push(Wrong { span: item.span(), what });
                    }
                    Ok(new) => good.push(new),
                    Err(wrong) => bad.extend(wrong),
                }
            }
            if bad.is_empty() { Ok(good) } else { Err(bad) }
        };
        let show = move |values: &Vec<T>| {
            let shown: Vec<String> = values.iter().map(&show).collect();
            format!("[{}]", shown.join(", "))
        };
        SettingKind { accepts, read: Box::new(read), show: Box::new(show) }
    }
}

impl<T> SettingKind<T> {
    /// Parses a value of the file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) fn parse(&self, value: &Spanned<DeValue<'_>>) -> Result<T, Vec<Wrong>> {
        (self.read)(value)
    }

    /// The value as TOML. Secrets are replaced.
    pub(crate) fn show(&self, value: &T) -> String {
        (self.show)(value)
    }

    /// The accepted values, as the end of a sentence.
    pub(crate) fn accepts(&self) -> &str {
        &self.accepts
    }
}

/// An error of a value: why it is wrong, and what is accepted.
pub(crate) fn wrong(value: &Spanned<DeValue<'_>>, why: &str, accepts: &str) -> Vec<Wrong> {
    vec![Wrong { span: value.span(), what: format!("{why}; use {accepts}") }]
}

/// A value for a message: short, and without control characters.
pub(crate) fn describe(value: &DeValue<'_>) -> String {
    const MOST: usize = 60;
    match value {
        DeValue::String(text) if text.chars().count() > MOST => {
            let beginning: String = text.chars().take(MOST).collect();
            format!("the text {beginning:?}... ({} octets)", text.len())
        }
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) if number.as_str().len() > MOST => "a number of many digits".to_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(_) => "a number with a fraction".to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "a date or time".to_owned(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Text as a TOML string. Text with backslashes becomes a literal string if possible: patterns are easier to
/// read that way.
pub fn quoted(text: &str) -> String {
    if text.contains('\\') && !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let mut toml = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => toml.extend(['\\', c]),
            c if c.is_control() => toml.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => toml.push(c),
        }
    }
    toml.push('"');
    toml
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(toml: &str) -> Spanned<DeValue<'_>> {
        Spanned::new(0..toml.len(), DeValue::parse(toml).unwrap().into_inner())
    }

    #[test]
    fn quoted_text_is_read_back_as_it_was() {
        for text in ["", "plain", r"^\s*$", "it's", "a\"b\\c'", "line\nend\0\u{7f}\u{85}", "é %u"] {
            let toml = quoted(text);
            assert_eq!(DeValue::parse(&toml).unwrap().get_ref().as_str(), Some(text), "{toml}");
        }
    }

    #[test]
    fn a_long_or_odd_text_is_shortened_and_escaped() {
        assert_eq!(describe(value("\"\\u001b[1m\"").get_ref()), "the text \"\\u{1b}[1m\"");
        assert!(describe(value(&format!("\"{}\"", "x".repeat(9000))).get_ref()).len() < 100);
        assert!(describe(value(&"9".repeat(9000)).get_ref()).len() < 100);
    }

    #[test]
    fn a_secret_is_never_repeated() {
        let secret = SettingKind::of_secret(
            "nothing",
            |text| if text == "hunter2" { Ok(text.to_owned()) } else { Err("no".to_owned()) },
            String::is_empty,
        );
        assert_eq!(secret.show(&secret.parse(&value("\"hunter2\"")).unwrap()), "\"******\"");
        assert_eq!(secret.show(&String::new()), "\"\"");
        for wrong in ["\"hunter3\"", "3333", "[\"hunter3\"]", "\"******\""] {
            let what = &secret.parse(&value(wrong)).unwrap_err()[0].what;
            assert!(what.starts_with("the value is not accepted: ") && !what.contains('3'), "{what}");
        }
    }

    #[test]
    fn a_list_tells_everything_that_is_wrong_with_it() {
        let letters = SettingKind::new(
            "\"a\" or \"b\"",
            |v| v.as_str().filter(|s| ["a", "b"].contains(s)).map(String::from),
            |s| quoted(s),
        )
        .list(false);
        let wrong = letters.parse(&value("[\"a\", 7, \"b\", \"c\", \"a\"]")).unwrap_err();
        let told: Vec<_> = wrong.iter().map(|w| (w.span.start, w.what.as_str())).collect();
        assert_eq!(
            told,
            [
                (6, "7 is not accepted; use \"a\" or \"b\""),
                (14, "the text \"c\" is not accepted; use \"a\" or \"b\""),
                (19, "the text \"a\" is in the list twice; remove one"),
            ]
        );
        assert!(letters.parse(&value("[]")).is_err());
        assert_eq!(letters.parse(&value("[\"b\", \"a\"]")).unwrap(), ["b", "a"]);
    }
}
