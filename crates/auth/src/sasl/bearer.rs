//! OAUTHBEARER (RFC 7628) and its predecessor XOAUTH2: an OAuth 2.0 access token says who the client is.

use vocabulary::LoginFailure;

use super::client::SaslClient;
use super::refusal::SaslRefusal;
use super::saslname::saslname;
use crate::account::Account;
use crate::authenticator::Authenticator;
use crate::login_error::LoginError;
use crate::token_check::BadToken;

/// Which of the two mechanisms the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BearerDialect {
    OauthBearer,
    Xoauth2,
}

pub(super) enum BearerOutcome {
    Done(Account),
    Refused(SaslRefusal),
    /// The client must first be told what is wrong with its token.
    Explained(Vec<u8>, SaslRefusal),
}

/// The client's only message.
struct BearerMessage<'a> {
    /// The user that the client wants to be; empty if the token alone decides.
    user: Vec<u8>,
    /// Missing if the client asks which kind of token it needs.
    token: Option<&'a [u8]>,
}

pub(super) fn answer(
    dialect: BearerDialect,
    message: &[u8],
    client: &SaslClient,
    auth: &mut Authenticator,
) -> BearerOutcome {
    let Some(BearerMessage { user, token }) = BearerMessage::parse(dialect, message) else {
        return BearerOutcome::Refused(SaslRefusal::unnamed(LoginFailure::UnknownUser));
    };
    let refused = |error: LoginError| BearerOutcome::Refused(SaslRefusal::new(&user, error));
    // First of all: no server is asked on behalf of a client that may not connect.
    if let Err(error) = auth.admit(client.peer) {
        return refused(error);
    }
    let granted = match token.map(|token| auth.check_token(token)) {
        Some(Ok(granted)) => granted,
        Some(Err(BadToken::Temporary(detail))) => return refused(LoginError::temporary(detail)),
        Some(Err(BadToken::Refused)) | None => {
            let why = dialect.explain(auth.token_scope());
            return BearerOutcome::Explained(why, SaslRefusal::new(&user, LoginFailure::Password));
        }
    };
    if !user.is_empty() && user != granted.as_bytes() {
        return refused(LoginFailure::Password.into());
    }
    match auth.vouched(granted.as_bytes(), client.peer) {
        Ok(account) => BearerOutcome::Done(account),
        Err(error) => BearerOutcome::Refused(SaslRefusal::new(granted.as_bytes(), error)),
    }
}

impl BearerDialect {
    /// The challenge for a refused token (RFC 7628, section 3.2.2). Clients of XOAUTH2 know Google's status
    /// numbers and fetch a new token when they see 400.
    fn explain(self, scope: &str) -> Vec<u8> {
        let status = match self {
            Self::OauthBearer => "invalid_token",
            Self::Xoauth2 => "400",
        };
        // RFC 6749, section 3.3, allows no quotation mark and no backslash in a scope. One that has them is
        // not shown.
        let sound = !scope.is_empty()
            && scope.bytes().all(|c| matches!(c, b' '..=b'~') && !matches!(c, b'"' | b'\\'));
        let scope = if sound { format!(",\"scope\":\"{scope}\"") } else { String::new() };
        format!("{{\"status\":\"{status}\",\"schemes\":\"bearer\"{scope}}}").into()
    }
}

impl<'a> BearerMessage<'a> {
    /// Parses `n,a=USER,^Ahost=...^Aport=...^Aauth=Bearer TOKEN^A^A` (RFC 7628, section 3.1) or
    /// `user=USER^Aauth=Bearer TOKEN^A^A`. `None` if the message has not the dialect's form.
    fn parse(dialect: BearerDialect, message: &'a [u8]) -> Option<Self> {
        const SEPARATOR: u8 = 1;
        let mut pairs = message.strip_suffix(&[SEPARATOR, SEPARATOR])?.split(|octet| *octet == SEPARATOR);
        let first = pairs.next()?;
        let user = match dialect {
            BearerDialect::Xoauth2 => first.strip_prefix(b"user=")?.to_vec(),
            BearerDialect::OauthBearer => {
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

/// The token after `Bearer `.
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

    fn parse(dialect: BearerDialect, message: &str) -> Option<(String, Option<String>)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        BearerMessage::parse(dialect, message.as_bytes())
            .map(|found| (text(&found.user), found.token.map(text)))
    }

    fn found(user: &str, token: &str) -> Option<(String, Option<String>)> {
        Some((user.to_owned(), (!token.is_empty()).then(|| token.to_owned())))
    }

    #[test]
    fn messages_of_both_dialects_are_read() {
        use BearerDialect::*;
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
        use BearerDialect::*;
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
        let explain = |dialect: BearerDialect, scope| String::from_utf8(dialect.explain(scope)).unwrap();
        assert_eq!(
            explain(BearerDialect::OauthBearer, ""),
            r#"{"status":"invalid_token","schemes":"bearer"}"#
        );
        let google = r#"{"status":"400","schemes":"bearer","scope":"https://mail.google.com/"}"#;
        assert_eq!(explain(BearerDialect::Xoauth2, "https://mail.google.com/"), google);
        for scope in ["a\"b", "a\\b", "a\nb", "\u{e9}"] {
            assert_eq!(explain(BearerDialect::OauthBearer, scope), explain(BearerDialect::OauthBearer, ""));
        }
    }
}
