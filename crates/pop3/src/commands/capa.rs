//! CAPA: the capabilities of the server (RFC 2449, section 5).

use crate::language::ReplyText;
use crate::reply::{self, ReplyWriter, TERMINATOR};
use crate::{CommandError, Plaintext, Policy, Tls};

/// The list is the same before and after a login. It omits what the connection forbids, and STLS where it
/// would not work (RFC 2595, section 4).
pub(crate) fn run(
    policy: &Policy,
    tls: Tls,
    mechanisms: &[&'static str],
    stls: bool,
    out: &mut ReplyWriter<'_>,
) -> Result<(), CommandError> {
    reply::ok(out, ReplyText::Capabilities);
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
    if policy.login_delay > 0 {
        // The delay is the same for all users, so there is no argument USER (RFC 2449, section 6.5).
        offer(&format!("LOGIN-DELAY {}", policy.login_delay));
    }
    match policy.expire {
        None => offer("EXPIRE NEVER"),
        Some(days) => offer(&format!("EXPIRE {days}")),
    }
    if policy.utf8 {
        // User names and passwords may be UTF-8 even without the command (RFC 6856, section 2.2).
        offer("UTF8 USER");
    }
    offer("LANG");
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
        let last = "EXPIRE NEVER\r\nUTF8 USER\r\nLANG\r\nIMPLEMENTATION mpopd-0.1\r\n.\r\n";
        let first = "TOP\r\nUSER\r\nSASL SCRAM-SHA-256 PLAIN\r\n";
        assert_eq!(list, format!("+OK capability list follows\r\n{first}{words}\r\n{last}"));
    }

    #[test]
    fn what_does_not_work_is_not_offered_and_the_implementation_can_be_hidden() {
        let policy = Policy { utf8: false, ..Policy::default() };
        let list = list(&policy, Tls::Unavailable(Plaintext::Forbidden), &[], false);
        for missing in ["USER", "SASL", "STLS", "LOGIN-DELAY", "UTF8", "IMPLEMENTATION"] {
            assert!(!list.contains(missing), "{list}");
        }
    }

    #[test]
    fn the_rules_of_the_site_are_told() {
        let policy = Policy { login_delay: 300, expire: Some(0), ..Policy::default() };
        let list = list(&policy, Tls::Active, &[], false);
        assert!(list.contains("\r\nLOGIN-DELAY 300\r\nEXPIRE 0\r\n"), "{list}");
    }
}
