//! AUTH: a login with a SASL mechanism (RFC 5034).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter, TERMINATOR};
use crate::state::{AuthorizationState, ExchangeState};
use crate::{AuthRequest, CommandError, Plaintext, SaslResponse, Tls, sasl};

/// The longest name of a mechanism (RFC 4422, section 3.1).
const MAX_NAME: usize = 20;

/// Mechanisms that send a password or a token in the clear. A client that tries one where this is forbidden
/// gets a more useful reply than "not offered".
const PLAINTEXT_MECHANISMS: [&[u8]; 4] = [b"PLAIN", b"LOGIN", b"OAUTHBEARER", b"XOAUTH2"];

/// What the client sends instead of a response to cancel an exchange (RFC 5034, section 4).
const CANCEL: &[u8] = b"*";

/// The argument of AUTH.
pub(crate) enum AuthArgument {
    /// No argument: list the mechanisms. No RFC has this, but old versions of Outlook need it.
    List,
    Begin {
        name: Box<[u8]>,
        initial: Option<SaslResponse>,
    },
}

pub(crate) fn parse(argument: &[u8]) -> Result<AuthArgument, CommandError> {
    let mut words = argument.splitn(2, |octet| *octet == b' ');
    let name = match words.next() {
        None | Some([]) => return Ok(AuthArgument::List),
        Some(name) if name.len() > MAX_NAME => return Err(CommandError::Mechanism),
        Some(name) => name.into(),
    };
    let initial = match words.next() {
        None | Some([]) => None,
        Some(b"=") => Some(SaslResponse::empty()),
        Some(base64) => Some(SaslResponse::decode(base64).ok_or(CommandError::NotBase64)?),
    };
    Ok(AuthArgument::Begin { name, initial })
}

/// AUTH without an argument.
pub(crate) fn list(mechanisms: &[&'static str], out: &mut ReplyWriter<'_>) {
    reply::ok(out, ReplyText::Mechanisms);
    for mechanism in mechanisms {
        reply::line(out, format_args!("{mechanism}"));
    }
    out.extend_from_slice(TERMINATOR);
}

/// AUTH with a mechanism.
pub(crate) fn begin(
    at: &AuthorizationState,
    (name, initial): (&[u8], Option<SaslResponse>),
    mechanisms: &[&'static str],
    tls: Tls,
) -> Result<(ExchangeState, AuthRequest), CommandError> {
    let same = |other: &[u8]| other.eq_ignore_ascii_case(name);
    match mechanisms.iter().find(|mechanism| same(mechanism.as_bytes())) {
        Some(mechanism) => Ok((
            ExchangeState { mechanism, failed_logins: at.failed_logins },
            AuthRequest { mechanism, initial },
        )),
        None if tls.plaintext() == Plaintext::Forbidden && PLAINTEXT_MECHANISMS.into_iter().any(same) => {
            Err(CommandError::Plaintext)
        }
        None => Err(CommandError::Mechanism),
    }
}

/// Appends the line of a challenge.
pub(crate) fn challenge(octets: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"+ ");
    sasl::encode(octets, out);
    out.extend_from_slice(b"\r\n");
}

/// Parses the line that follows a challenge.
pub(crate) fn response(line: &[u8]) -> Result<SaslResponse, CommandError> {
    match line {
        CANCEL => Err(CommandError::Cancelled),
        base64 => SaslResponse::decode(base64).ok_or(CommandError::NotBase64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    const OFFERED: [&str; 2] = ["SCRAM-SHA-256", "PLAIN"];

    fn run(argument: &[u8], tls: Tls) -> Result<AuthRequest, CommandError> {
        match parse(argument)? {
            AuthArgument::List => panic!("a mechanism was named"),
            AuthArgument::Begin { name, initial } => {
                let at = AuthorizationState { user: None, failed_logins: 1 };
                let (exchange, request) = begin(&at, (&name, initial), &OFFERED, tls)?;
                assert_eq!((exchange.mechanism, exchange.failed_logins), (request.mechanism, 1));
                Ok(request)
            }
        }
    }

    #[test]
    fn a_mechanism_is_named_in_any_case_with_or_without_an_initial_response() {
        let initial = |argument: &[u8]| {
            let request = run(argument, Tls::Active).unwrap();
            assert_eq!(request.mechanism, "PLAIN");
            request.initial.map(|initial| initial.expose().to_vec())
        };
        assert_eq!(initial(b"plain"), None);
        assert_eq!(initial(b"Plain ="), Some(vec![]));
        assert_eq!(initial(b"PLAIN AGEAYg=="), Some(b"\0a\0b".to_vec()));
    }

    #[test]
    fn what_is_not_offered_or_not_base64_is_refused() {
        let wrong: [&[u8]; 6] =
            [b"SCRAM", b"PLAIN\t", b"LOGIN", b"\xff", b"SCRAM-SHA-256-PLUS =", &[b'P'; 500]];
        for argument in wrong {
            assert_eq!(run(argument, Tls::Active).err(), Some(CommandError::Mechanism), "{argument:?}");
        }
        for argument in [&b"PLAIN *"[..], b"PLAIN a", b"PLAIN AGEAYg== ", b"PLAIN  AGEAYg==", b"PLAIN A==="] {
            assert_eq!(run(argument, Tls::Active).err(), Some(CommandError::NotBase64), "{argument:?}");
        }
    }

    #[test]
    fn a_client_that_would_send_its_password_in_the_clear_is_told_so() {
        let forbidden = Tls::Offered(Plaintext::Forbidden);
        assert_eq!(run(b"login", forbidden).err(), Some(CommandError::Plaintext));
        assert_eq!(run(b"SCRAM-SHA-1", forbidden).err(), Some(CommandError::Mechanism));
        assert!(run(b"SCRAM-SHA-256", forbidden).is_ok());
        assert_eq!(run(b"LOGIN", Tls::Offered(Plaintext::Allowed)).err(), Some(CommandError::Mechanism));
    }

    #[test]
    fn auth_alone_lists() {
        assert!(matches!(parse(b""), Ok(AuthArgument::List)));
        let head = "+OK list of SASL mechanisms follows\r\n";
        assert_eq!(text(|out| list(&OFFERED, out)), format!("{head}SCRAM-SHA-256\r\nPLAIN\r\n.\r\n"));
        assert_eq!(text(|out| list(&[], out)), format!("{head}.\r\n"));
    }

    #[test]
    fn challenges_and_responses_are_lines_of_base64() {
        assert_eq!(text(|out| challenge(b"", out)), "+ \r\n");
        assert_eq!(text(|out| challenge(b"User Name\0", out)), "+ VXNlciBOYW1lAA==\r\n");
        assert_eq!(response(b"").unwrap().expose(), b"");
        assert_eq!(response(b"YQ==").unwrap().expose(), b"a");
        assert_eq!(response(b"*").err(), Some(CommandError::Cancelled));
        // "=" stands for an empty initial response only; elsewhere it is not base64 (RFC 5034, section 4).
        for line in [&b"="[..], b"**", b"* ", b"QUIT", b"YQ"] {
            let refused = if line == b"QUIT" { None } else { Some(CommandError::NotBase64) };
            assert_eq!(response(line).err(), refused, "{line:?}");
        }
    }
}
