//! USER: the name of the maildrop (RFC 1939, section 7).

use crate::state::Authorization;
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

#[cfg(test)]
mod tests {
    use super::*;

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
