//! XCLIENT: a proxy names the client for whom it speaks. The command is an extension by Dovecot, not in any
//! RFC.

use crate::CommandError;
use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::state::{AuthorizationState, ForwardingState};
use std::net::IpAddr;

/// The longest session name in octets that is kept for the log.
const MAX_SESSION: usize = 64;

/// What a proxy says about its client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// The client's address, if the proxy gives it.
    pub address: Option<IpAddr>,
    /// Whether the proxy says that its connection to the client uses TLS.
    pub tls: bool,
    /// The proxy's name for the session, in printable ASCII, for logs.
    pub session: Option<String>,
}

/// Parses `NAME=VALUE ...`. Unknown names are skipped, so a proxy may send more.
pub(crate) fn parse(argument: &[u8]) -> Option<Forwarded> {
    let mut forwarded = Forwarded::default();
    for word in argument.split(|octet| *octet == b' ') {
        let mut parts = word.splitn(2, |octet| *octet == b'=');
        let (name, value) = (parts.next()?, parts.next()?);
        match name.to_ascii_uppercase().as_slice() {
            b"ADDR" => forwarded.address = Some(str::from_utf8(value).ok()?.parse().ok()?),
            b"CLIENT-TRANSPORT" => forwarded.tls = value.eq_ignore_ascii_case(b"TLS"),
            b"SESSION" => forwarded.session = session(value),
            _ => {}
        }
    }
    Some(forwarded)
}

fn session(value: &[u8]) -> Option<String> {
    let fits = value.len() <= MAX_SESSION && value.iter().all(u8::is_ascii_graphic);
    fits.then(|| String::from_utf8_lossy(value).into_owned())
}

/// `trusted` is whether the peer is a trusted proxy. The name from USER is forgotten, since another client
/// sent it.
pub(crate) fn run(at: &AuthorizationState, trusted: bool) -> Result<ForwardingState, CommandError> {
    match trusted {
        true => Ok(ForwardingState { failed_logins: at.failed_logins }),
        false => Err(CommandError::NotAProxy),
    }
}

/// Replies once the driver has taken over the client's address.
pub(crate) fn done(at: &ForwardingState, out: &mut ReplyWriter<'_>) -> AuthorizationState {
    reply::ok(out, ReplyText::Forwarded);
    AuthorizationState { user: None, failed_logins: at.failed_logins }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    #[test]
    fn what_dovecot_says_is_understood() {
        let said =
            b"ADDR=192.0.2.7 PORT=40000 DESTADDR=10.0.0.1 DESTPORT=110 SESSION=lQ3cY2Nl+dJ/AAAB TTL=4 \
            CLIENT-TRANSPORT=TLS DESTNAME=mail.example.org FORWARD=eD15";
        let expected = Forwarded {
            address: Some([192, 0, 2, 7].into()),
            tls: true,
            session: Some("lQ3cY2Nl+dJ/AAAB".to_owned()),
        };
        assert_eq!(parse(said), Some(expected));
        let address = parse(b"addr=2001:db8::7 client-transport=insecure").unwrap();
        assert_eq!((address.address, address.tls), (Some("2001:db8::7".parse().unwrap()), false));
        assert_eq!(parse(b"TTL=3"), Some(Forwarded::default()));
    }

    #[test]
    fn what_is_no_list_of_values_or_no_address_is_refused() {
        for said in [
            &b""[..],
            b"ADDR",
            b"192.0.2.7",
            b"ADDR=",
            b"ADDR=somewhere",
            b"ADDR=192.0.2.7  TTL=3",
            b"ADDR=\xff",
        ] {
            assert_eq!(parse(said), None, "{}", said.escape_ascii());
        }
    }

    #[test]
    fn the_name_of_a_session_fits_in_a_log_or_is_left_out() {
        let long = format!("SESSION={}", "x".repeat(MAX_SESSION + 1));
        for said in [long.as_bytes(), b"SESSION=a\tb", b"SESSION=\xc3\xa9"] {
            assert_eq!(parse(said), Some(Forwarded::default()));
        }
    }

    #[test]
    fn only_a_trusted_proxy_speaks_for_others() {
        let at = AuthorizationState { user: crate::LoginName::parse(b"alice"), failed_logins: 2 };
        assert_eq!(run(&at, false).err(), Some(CommandError::NotAProxy));
        let forwarding = run(&at, true).unwrap();
        let said = text(|out| {
            let next = done(&forwarding, out);
            assert!(next.user.is_none() && next.failed_logins == 2);
        });
        assert!(said.starts_with("+OK "), "{said}");
    }
}
