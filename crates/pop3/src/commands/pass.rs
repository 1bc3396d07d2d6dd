//! PASS: the password for the name from USER (RFC 1939, section 7).

use crate::state::{AuthenticatingState, AuthorizationState};
use crate::{Credentials, Plaintext, Refusal, Secret};

/// The argument is everything after the first space. Further spaces belong to the password.
pub(crate) fn parse(argument: &[u8]) -> Option<Secret> {
    Secret::parse(argument)
}

/// Consumes the name, so the client must send USER again after a failed login.
pub(crate) fn run(
    at: &mut AuthorizationState,
    password: Secret,
    plaintext: Plaintext,
) -> Result<(AuthenticatingState, Credentials), Refusal> {
    if plaintext == Plaintext::Forbidden {
        return Err(Refusal::Plaintext);
    }
    let user = at.user.take().ok_or(Refusal::NoUser)?;
    let next = AuthenticatingState { user: user.clone(), failed_logins: at.failed_logins };
    Ok((next, Credentials { user, password }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserName;

    #[test]
    fn pass_needs_user_before_it_each_time() {
        let mut at = AuthorizationState { user: UserName::parse(b"alice"), failed_logins: 1 };
        let (next, credentials) = run(&mut at, parse(b"a b").unwrap(), Plaintext::Allowed).unwrap();
        assert_eq!((next.user.as_str(), next.failed_logins), ("alice", 1));
        assert_eq!(credentials.password.expose(), b"a b");
        assert_eq!(run(&mut at, parse(b"a b").unwrap(), Plaintext::Allowed).err(), Some(Refusal::NoUser));
    }

    #[test]
    fn no_password_is_taken_over_an_open_line() {
        let mut at = AuthorizationState { user: UserName::parse(b"alice"), failed_logins: 0 };
        assert_eq!(run(&mut at, parse(b"x").unwrap(), Plaintext::Forbidden).err(), Some(Refusal::Plaintext));
    }
}
