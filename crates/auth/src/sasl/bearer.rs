//! OAUTHBEARER (RFC 7628) and XOAUTH2, which was there before it: an OAuth 2.0 access token says who the client is.

use super::scram::message::saslname;
use super::{Client, Refused};
use crate::authenticator::{Account, Authenticator};
use crate::refusal::Refusal;

/// Who says whom a token stands for: a server that is asked, or the keys of one.
pub trait TokenCheck {
    /// The user whom this access token stands for (RFC 6749, section 1.4). The token has only the characters that RFC 6750,
    /// section 2.1, allows.
    ///
    /// # Errors
    /// Why it stands for nobody.
    fn check(&mut self, token: &[u8]) -> Result<String, BadToken>;

    /// The scope that a token must have, to be told to clients whose token is refused; nothing if there is none.
    fn scope(&self) -> &str {
        ""
    }
}

/// Why a token stands for nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadToken {
    /// It is not, or no longer, good for this server.
    Refused,
    /// It could not be found out now. The text says why, for the log; nothing of the token is in it.
    Temporary(String),
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    OauthBearer,
    Xoauth2,
}

pub(super) enum Verdict {
    Done(Account),
    Refused(Refused),
    /// The client is to be told first what is wrong with its token.
    Explained(Vec<u8>, Refused),
}

/// The client's one message.
struct Bearer<'a> {
    /// Whom it wants to be; empty: whom the token says.
    user: Vec<u8>,
    /// Missing where the client wants to know what kind of token it needs.
    token: Option<&'a [u8]>,
}

pub(super) fn answer(dialect: Dialect, message: &[u8], client: &Client, auth: &mut Authenticator) -> Verdict {
    let Some(Bearer { user, token }) = Bearer::parse(dialect, message) else {
        return Verdict::Refused(Refused::unnamed(Refusal::UnknownUser));
    };
    let refused = |why| Verdict::Refused(Refused::new(&user, why));
    // Before anybody is asked on behalf of a client that may not connect.
    if let Err(why) = auth.admit(client.peer) {
        return refused(why);
    }
    let granted = match token.map(|token| auth.check_token(token)) {
        Some(Ok(granted)) => granted,
        Some(Err(BadToken::Temporary(why))) => return refused(Refusal::Temporary(why)),
        Some(Err(BadToken::Refused)) | None => {
            let why = dialect.explain(auth.token_scope());
            return Verdict::Explained(why, Refused::new(&user, Refusal::Password));
        }
    };
    if !user.is_empty() && user != granted.as_bytes() {
        return refused(Refusal::Password);
    }
    match auth.vouched(granted.as_bytes(), client.peer) {
        Ok(account) => Verdict::Done(account),
        Err(why) => Verdict::Refused(Refused::new(granted.as_bytes(), why)),
    }
}

impl Dialect {
    /// The challenge for a token that is no good (RFC 7628, section 3.2.2). Clients of XOAUTH2 know Google's numbers, and get a
    /// new token when they see 400.
    fn explain(self, scope: &str) -> Vec<u8> {
        let status = match self {
            Self::OauthBearer => "invalid_token",
            Self::Xoauth2 => "400",
        };
        // A scope has no quotation mark and no backslash (RFC 6749, section 3.3); what has is not shown.
        let sound = !scope.is_empty()
            && scope.bytes().all(|c| matches!(c, b' '..=b'~') && !matches!(c, b'"' | b'\\'));
        let scope = if sound { format!(",\"scope\":\"{scope}\"") } else { String::new() };
        format!("{{\"status\":\"{status}\",\"schemes\":\"bearer\"{scope}}}").into()
    }
}

impl<'a> Bearer<'a> {
    /// `n,a=USER,^Ahost=...^Aport=...^Aauth=Bearer TOKEN^A^A` (RFC 7628, section 3.1), or `user=USER^Aauth=Bearer TOKEN^A^A`.
    /// `None` when it is neither.
    fn parse(dialect: Dialect, message: &'a [u8]) -> Option<Self> {
        const SEPARATOR: u8 = 1;
        let mut pairs = message.strip_suffix(&[SEPARATOR, SEPARATOR])?.split(|octet| *octet == SEPARATOR);
        let first = pairs.next()?;
        let user = match dialect {
            Dialect::Xoauth2 => first.strip_prefix(b"user=")?.to_vec(),
            Dialect::OauthBearer => {
                let rest = first.strip_prefix(b"n,").or_else(|| first.strip_prefix(b"y,"))?;
                match rest.strip_suffix(b",")? {
                    b"" => Vec::new(),
                    name => saslname(str::from_utf8(name.strip_prefix(b"a=")?).ok()?)?.into(),
                }
            }
        };
        let mut values = pairs.filter_map(|pair| pair.strip_prefix(b"auth="));
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        let token = match value {
            b"" => None,
            value => Some(token(value)?),
        };
        Some(Self { user, token })
    }
}

/// The token behind `Bearer `.
fn token(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    let token = token.trim_ascii_start();
    let mut octets = token.iter().rev().skip_while(|octet| **octet == b'=').peekable();
    let filled = octets.peek().is_some();
    let sound =
        octets.all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'));
    (scheme.eq_ignore_ascii_case(SCHEME) && filled && sound).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dialect: Dialect, message: &str) -> Option<(String, Option<String>)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        Bearer::parse(dialect, message.as_bytes()).map(|found| (text(&found.user), found.token.map(text)))
    }

    fn found(user: &str, token: &str) -> Option<(String, Option<String>)> {
        Some((user.to_owned(), (!token.is_empty()).then(|| token.to_owned())))
    }

    #[test]
    fn messages_of_both_dialects_are_read() {
        use Dialect::*;
        // RFC 7628, section 4.1.
        let example = "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
            auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        assert_eq!(parse(OauthBearer, example), found("user@example.com", token));
        assert_eq!(parse(OauthBearer, "n,,\x01auth=bearer  t-._~+/\x01\x01"), found("", "t-._~+/"));
        assert_eq!(parse(OauthBearer, "y,a=a=2Cb=3D,\x01auth=BEARER t\x01\x01"), found("a,b=", "t"));
        assert_eq!(parse(OauthBearer, "n,a=u,\x01auth=\x01\x01"), found("u", ""));
        assert_eq!(parse(Xoauth2, "user=u@h\x01auth=Bearer ya29.x\x01\x01"), found("u@h", "ya29.x"));
        assert_eq!(parse(Xoauth2, "user=\x01auth=Bearer t\x01\x01"), found("", "t"));
    }

    #[test]
    fn what_is_neither_dialect_is_refused() {
        use Dialect::*;
        for wrong in [
            "",
            "\x01",
            "\x01\x01",
            "n,,\x01\x01",
            "n,,\x01auth=Bearer t\x01",
            "n,,auth=Bearer t\x01\x01",
            "p=tls-exporter,,\x01auth=Bearer t\x01\x01",
            "n,u,\x01auth=Bearer t\x01\x01",
            "n,a=,\x01auth=Bearer t\x01\x01",
            "n,a=u=,\x01auth=Bearer t\x01\x01",
            "n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01",
            "n,,\x01auth=Basic t\x01\x01",
            "n,,\x01auth=Bearer\x01\x01",
            "n,,\x01auth=Bearer ==\x01\x01",
            "n,,\x01auth=Bearer a b\x01\x01",
            "n,,\x01auth=Bearer a=b\x01\x01",
            "n,,\x01auth=Bearer \u{e9}\x01\x01",
            "user=u\x01auth=Bearer t\x01\x01",
        ] {
            assert_eq!(parse(OauthBearer, wrong), None, "{wrong:?}");
        }
        for wrong in
            ["user=u\x01auth=Bearer t\x01", "u\x01auth=Bearer t\x01\x01", "n,a=u,\x01auth=Bearer t\x01\x01"]
        {
            assert_eq!(parse(Xoauth2, wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_refused_token_is_explained_in_sound_json() {
        let explain = |dialect: Dialect, scope| String::from_utf8(dialect.explain(scope)).unwrap();
        assert_eq!(explain(Dialect::OauthBearer, ""), r#"{"status":"invalid_token","schemes":"bearer"}"#);
        let google = r#"{"status":"400","schemes":"bearer","scope":"https://mail.google.com/"}"#;
        assert_eq!(explain(Dialect::Xoauth2, "https://mail.google.com/"), google);
        for scope in ["a\"b", "a\\b", "a\nb", "\u{e9}"] {
            assert_eq!(explain(Dialect::OauthBearer, scope), explain(Dialect::OauthBearer, ""));
        }
    }
}
