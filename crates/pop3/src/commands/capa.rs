//! CAPA: what this server can do (RFC 2449, section 5).

use crate::reply::{self, TERMINATOR};
use crate::{Plaintext, Policy, Refusal};

/// The same list before and after a login; only what the connection forbids is left out.
pub(crate) fn run(policy: &Policy, plaintext: Plaintext, out: &mut Vec<u8>) -> Result<(), Refusal> {
    reply::ok(out, format_args!("capability list follows"));
    let mut offer = |capability: &str| reply::line(out, format_args!("{capability}"));
    offer("TOP");
    if plaintext == Plaintext::Allowed {
        offer("USER");
    }
    offer("UIDL");
    offer("RESP-CODES");
    offer("AUTH-RESP-CODE");
    offer("PIPELINING");
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

    #[test]
    fn the_list() {
        let policy = Policy { implementation: Some("mpopd-0.1".into()), ..Policy::default() };
        let list = text(|out| run(&policy, Plaintext::Allowed, out).unwrap());
        let words = "TOP USER UIDL RESP-CODES AUTH-RESP-CODE PIPELINING".replace(' ', "\r\n");
        let last = "EXPIRE NEVER\r\nIMPLEMENTATION mpopd-0.1\r\n.\r\n";
        assert_eq!(list, format!("+OK capability list follows\r\n{words}\r\n{last}"));
    }

    #[test]
    fn user_is_offered_only_where_it_works_and_the_implementation_can_be_hidden() {
        let list = text(|out| run(&Policy::default(), Plaintext::Forbidden, out).unwrap());
        assert!(!list.contains("USER") && !list.contains("IMPLEMENTATION"), "{list}");
    }
}
