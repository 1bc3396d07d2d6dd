//! STLS: encryption from here on (RFC 2595, section 4).

use crate::state::{Authorization, StartingTls};
use crate::{Refusal, Tls, reply};

/// `more` is whether octets came behind the command already. They are nothing that a client may send before it has
/// its answer: somebody on the way put them there, to be taken for what the client says under TLS.
///
/// The name from USER is forgotten: it is not known who said it.
pub(crate) fn run(
    at: &Authorization,
    tls: Tls,
    more: bool,
    out: &mut Vec<u8>,
) -> Result<StartingTls, Refusal> {
    match tls {
        Tls::Unavailable(_) => Err(Refusal::TlsUnavailable),
        Tls::Active => Err(Refusal::TlsActive),
        Tls::Offered(_) if more => Err(Refusal::AfterStls),
        Tls::Offered(_) => {
            reply::ok(out, format_args!("begin TLS"));
            Ok(StartingTls { failed_logins: at.failed_logins })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plaintext;

    fn run_with(tls: Tls, more: bool) -> (Result<u32, Refusal>, Vec<u8>) {
        let (at, mut out) = (Authorization { user: None, failed_logins: 2 }, Vec::new());
        (run(&at, tls, more, &mut out).map(|next| next.failed_logins), out)
    }

    #[test]
    fn stls_is_answered_where_it_is_offered() {
        for plaintext in [Plaintext::Allowed, Plaintext::Forbidden] {
            assert_eq!(run_with(Tls::Offered(plaintext), false), (Ok(2), b"+OK begin TLS\r\n".to_vec()));
            let unavailable = run_with(Tls::Unavailable(plaintext), false);
            assert_eq!(unavailable, (Err(Refusal::TlsUnavailable), vec![]));
        }
        assert_eq!(run_with(Tls::Active, true), (Err(Refusal::TlsActive), vec![]));
    }

    #[test]
    fn octets_behind_stls_are_refused_in_place_of_an_answer() {
        assert_eq!(run_with(Tls::Offered(Plaintext::Allowed), true), (Err(Refusal::AfterStls), vec![]));
    }
}
