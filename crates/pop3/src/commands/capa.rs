//! CAPA: what this server can do (RFC 2449, section 5).

use crate::reply::{self, TERMINATOR};
use crate::{Plaintext, Policy, Refusal, Tls};

/// The same list before and after a login; only what the connection forbids is left out, and STLS where it would not work
/// (RFC 2595, section 4).
pub(crate) fn run(
    policy: &Policy,
    tls: Tls,
    mechanisms: &[&'static str],
    stls: bool,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    reply::ok(out, format_args!("capability list follows"));
    let mut offer = |capability: &str| reply::line(out, format_args!("{capability}"));
    offer("TOP");
    if tls.plaintext() == Plaintext::Allowed {
        offer("USER");
    }
    if !mechanisms.is_empty() {
        offer(&format!("SASL {}", mechanisms.join(" ")));
    }
    offer("UIDL");
    offer("RESP-CODES");
    offer("AUTH-RESP-CODE");
    offer("PIPELINING");
    if stls {
        offer("STLS");
    }
    offer("EXPIRE NEVER");
    if let Some(implementation) = &policy.implementation {
        let mut capability = String::from("IMPLEMENTATION ");
        capability.extend(reply::printable(implementation));
        offer(&capability);
    }
    out.extend_from_slice(TERMINATOR);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    fn list(policy: &Policy, tls: Tls, mechanisms: &[&'static str], stls: bool) -> String {
        text(|out| run(policy, tls, mechanisms, stls, out).unwrap())
    }

    #[test]
    fn the_list() {
        let policy = Policy { implementation: Some("mpopd-0.1".into()), ..Policy::default() };
        let list = list(&policy, Tls::Offered(Plaintext::Allowed), &["SCRAM-SHA-256", "PLAIN"], true);
        let words = "UIDL RESP-CODES AUTH-RESP-CODE PIPELINING STLS".replace(' ', "\r\n");
        let last = "EXPIRE NEVER\r\nIMPLEMENTATION mpopd-0.1\r\n.\r\n";
        let first = "TOP\r\nUSER\r\nSASL SCRAM-SHA-256 PLAIN\r\n";
        assert_eq!(list, format!("+OK capability list follows\r\n{first}{words}\r\n{last}"));
    }

    #[test]
    fn what_does_not_work_is_not_offered_and_the_implementation_can_be_hidden() {
        let list = list(&Policy::default(), Tls::Unavailable(Plaintext::Forbidden), &[], false);
        for missing in ["USER", "SASL", "STLS", "IMPLEMENTATION"] {
            assert!(!list.contains(missing), "{list}");
        }
    }
}
