//! What the administrator decides about dialogues.

use vocabulary::Language;

/// The rules that all connections share. Kept behind an `Arc`, so that a connection holds one pointer.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Bad commands in a row that close the connection; 100 by default. A command is bad when it is unknown,
    /// malformed, too long, or not allowed in the state of the session.
    pub max_bad_commands: u32,
    /// Failed logins that close the connection; 3 by default.
    pub max_failed_logins: u32,
    /// Refuse unknown users at USER ([`Step::Name`](crate::Step::Name)) and not only after PASS. This tells everyone which
    /// users there are.
    pub refuse_unknown_users: bool,
    /// The text of the IMPLEMENTATION capability (RFC 2449, section 6.9), such as `mpopd-0.1.0`. None hides it.
    pub implementation: Option<String>,
    /// The least number of seconds between two logins of a user, told in CAPA; 0 for none. Whoever checks logins keeps to it
    /// ([`LoginFailure::LoginDelay`](vocabulary::LoginFailure::LoginDelay)).
    pub login_delay: u64,
    /// For how many days mail stays on the server at least, told in CAPA (RFC 2449, section 6.7); None for ever.
    pub expire: Option<u32>,
    /// Whether UTF8 is offered (RFC 6856). Then whoever serves messages has surrogates for clients that do not say it, and whoever
    /// checks logins takes names and passwords in UTF-8.
    pub utf8: bool,
    /// What `LANG *` chooses.
    pub language: Language,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_bad_commands: 100,
            max_failed_logins: 3,
            refuse_unknown_users: false,
            implementation: None,
            login_delay: 0,
            expire: None,
            utf8: true,
            language: Language::English,
        }
    }
}
