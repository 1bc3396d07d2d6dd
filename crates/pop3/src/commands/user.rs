//! USER: the name of the maildrop (RFC 1939, section 7).

use crate::state::{Authenticating, Authorization};
use crate::{Plaintext, Refusal, UserName, reply};

pub(crate) fn parse(argument: &[u8]) -> Option<UserName> {
    UserName::parse(argument)
}

/// Keeps the name for PASS, or for the log if PASS will be refused. The answer is the same for every name, so that it
/// tells nothing about users.
pub(crate) fn run(
    at: &mut Authorization,
    name: UserName,
    plaintext: Plaintext,
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    at.user = Some(name);
    if plaintext == Plaintext::Forbidden {
        return Err(Refusal::Plaintext);
    }
    reply::ok(out, format_args!("send the password"));
    Ok(())
}

/// The same where unknown users are refused: the answer waits for who knows them.
pub(crate) fn ask(
    at: &mut Authorization,
    name: UserName,
    plaintext: Plaintext,
) -> Result<Authenticating, Refusal> {
    if plaintext == Plaintext::Forbidden {
        at.user = Some(name);
        return Err(Refusal::Plaintext);
    }
    Ok(Authenticating { user: name, failed_logins: at.failed_logins })
}

/// The answer to a name that is known.
pub(crate) fn known(at: Authenticating, out: &mut Vec<u8>) -> Authorization {
    reply::ok(out, format_args!("send the password"));
    Authorization { user: Some(at.user), failed_logins: at.failed_logins }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_asked_for_waits_for_the_answer() {
        let mut at = Authorization { user: None, failed_logins: 1 };
        let name = || parse(b"alice").unwrap();
        assert_eq!(ask(&mut at, name(), Plaintext::Forbidden).err(), Some(Refusal::Plaintext));
        assert!(at.user.is_some(), "the log names it");
        let mut out = Vec::new();
        let then = known(ask(&mut at, name(), Plaintext::Allowed).unwrap(), &mut out);
        assert_eq!((then.user, then.failed_logins), (Some(name()), 1));
        assert_eq!(out, b"+OK send the password\r\n");
    }

    #[test]
    fn a_second_user_replaces_the_first() {
        let (mut at, mut out) = (Authorization::default(), Vec::new());
        for name in ["alice", "bob"] {
            let name = parse(name.as_bytes()).unwrap();
            run(&mut at, name, Plaintext::Allowed, &mut out).unwrap();
        }
        assert_eq!(at.user.unwrap().as_str(), "bob");
        assert_eq!(out, b"+OK send the password\r\n".repeat(2));
    }

    #[test]
    fn over_an_open_line_the_name_is_refused_but_known_to_the_log() {
        let (mut at, mut out) = (Authorization::default(), Vec::new());
        let name = parse(b"alice").unwrap();
        assert_eq!(run(&mut at, name, Plaintext::Forbidden, &mut out), Err(Refusal::Plaintext));
        assert_eq!(at.user.as_ref().map(UserName::as_str), Some("alice"));
        assert!(out.is_empty());
    }
}
