//! Enums whose values are written as one of a few words.

/// A type whose values are written as one of a few words, in the configuration and elsewhere.
pub trait Words: Copy + PartialEq + std::fmt::Display + 'static {
    /// Each value with its word, in the order in which messages and the manual list them.
    const WORDS: &'static [(&'static str, Self)];

    /// The value that this word stands for. Words are case-sensitive.
    fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
    }
}

/// Declares an enum together with the words that stand for its values: the constant `ALL`, the method `word`,
/// [`Words`] and `Display` come from the one list.
macro_rules! words {
    ($(
        $(#[$doc:meta])*
        $name:ident { $( $(#[$value_doc:meta])* $value:ident = $word:literal ),+ $(,)? }
    )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        pub enum $name { $( $(#[$value_doc])* $value ),+ }

        impl $name {
            /// All values, in the order of their declaration.
            pub const ALL: &'static [Self] = &[ $( Self::$value ),+ ];

            /// Its place in [`Self::ALL`], from 0.
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The word that stands for this value.
            pub const fn word(self) -> &'static str {
                match self { $( Self::$value => $word ),+ }
            }
        }

        impl $crate::Words for $name {
            const WORDS: &'static [(&'static str, Self)] = &[ $( ($word, Self::$value) ),+ ];
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    )+ };
}

pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::Words;
    use crate::{LoginFailure, SaslMechanism, Storage};

    fn words_are_distinct_and_found<T: Words + std::fmt::Debug>() {
        for (word, value) in T::WORDS {
            assert_eq!(T::from_word(word), Some(*value), "{word}");
        }
    }

    #[test]
    fn every_word_leads_back_to_its_value() {
        words_are_distinct_and_found::<Storage>();
        words_are_distinct_and_found::<SaslMechanism>();
        words_are_distinct_and_found::<LoginFailure>();
        assert_eq!(Storage::from_word("MBOX"), None, "words are case-sensitive");
    }
}
