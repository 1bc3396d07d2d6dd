//! STLS: starts TLS (RFC 2595, section 4).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter};
use crate::state::{AuthorizationState, StartingTlsState};
use crate::{CommandError, Tls};

/// Refused after UTF8, as RFC 6856, section 2.1, allows: what was agreed in the clear must not hold under
/// TLS.
///
/// `more` is whether octets came after the command. A client must wait for the reply, so an attacker on the
/// network may have injected them, to be taken for what the client sends under TLS.
///
/// The name from USER is forgotten, since an attacker may have sent it.
pub(crate) fn run(
    at: &AuthorizationState,
    tls: Tls,
    utf8: bool,
    more: bool,
    out: &mut ReplyWriter<'_>,
) -> Result<StartingTlsState, CommandError> {
    match tls {
        Tls::Unavailable(_) => Err(CommandError::TlsUnavailable),
        Tls::Active => Err(CommandError::TlsActive),
        Tls::Offered(_) if more => Err(CommandError::AfterStls),
        Tls::Offered(_) if utf8 => Err(CommandError::TlsAfterUtf8),
        Tls::Offered(_) => {
            reply::ok(out, ReplyText::BeginTls);
            Ok(StartingTlsState { failed_logins: at.failed_logins })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plaintext;
    use crate::testing::text;

    fn run_with(tls: Tls, utf8: bool, more: bool) -> (Result<u32, CommandError>, String) {
        let at = AuthorizationState { user: None, failed_logins: 2 };
        let mut result = Ok(0);
        let said = text(|out| result = run(&at, tls, utf8, more, out).map(|next| next.failed_logins));
        (result, said)
    }

    fn refused(why: CommandError) -> (Result<u32, CommandError>, String) {
        (Err(why), String::new())
    }

    #[test]
    fn stls_is_answered_where_it_is_offered() {
        for plaintext in [Plaintext::Allowed, Plaintext::Forbidden] {
            let begun = run_with(Tls::Offered(plaintext), false, false);
            assert_eq!(begun, (Ok(2), "+OK begin TLS\r\n".to_owned()));
            let unavailable = run_with(Tls::Unavailable(plaintext), false, false);
            assert_eq!(unavailable, refused(CommandError::TlsUnavailable));
        }
        assert_eq!(run_with(Tls::Active, true, true), refused(CommandError::TlsActive));
    }

    #[test]
    fn octets_behind_stls_are_refused_in_place_of_an_answer() {
        assert_eq!(run_with(Tls::Offered(Plaintext::Allowed), false, true), refused(CommandError::AfterStls));
    }

    #[test]
    fn stls_comes_before_utf8() {
        let offered = Tls::Offered(Plaintext::Allowed);
        assert_eq!(run_with(offered, true, false), refused(CommandError::TlsAfterUtf8));
        // Injected octets close the connection in this case, too.
        assert_eq!(run_with(offered, true, true), refused(CommandError::AfterStls));
    }
}
