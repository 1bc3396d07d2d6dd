//! PASS: the password for the name from USER (RFC 1939, section 7).

use crate::state::{AuthenticatingState, AuthorizationState};
use crate::{CommandError, Credentials, LoginPassword, Plaintext};

/// The argument is everything after the first space. Further spaces belong to the password.
pub(crate) fn parse(argument: &[u8]) -> Option<LoginPassword> {
    LoginPassword::parse(argument)
}

/// Consumes the name, so the client must send USER again after a failed login.
pub(crate) fn run(
    at: &mut AuthorizationState,
    password: LoginPassword,
    plaintext: Plaintext,
) -> Result<(AuthenticatingState, Credentials), CommandError> {
    if plaintext == Plaintext::Forbidden {
        return Err(CommandError::Plaintext);
    }
    let user = at.user.take().ok_or(CommandError::NoUser)?;
    let next = AuthenticatingState { user: user.clone(), failed_logins: at.failed_logins };
    Ok((next, Credentials { user, password }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoginName;

    #[test]
    fn pass_needs_user_before_it_each_time() {
        let mut at = AuthorizationState { user: LoginName::parse(b"alice"), failed_logins: 1 };
        let (next, credentials) = run(&mut at, parse(b"a b").unwrap(), Plaintext::Allowed).unwrap();
        assert_eq!((next.user.as_str(), next.failed_logins), ("alice", 1));
        assert_eq!(credentials.password.expose(), b"a b");
        assert_eq!(
            run(&mut at, parse(b"a b").unwrap(), Plaintext::Allowed).err(),
            Some(CommandError::NoUser)
        );
    }

    #[test]
    fn no_password_is_taken_over_an_open_line() {
        let mut at = AuthorizationState { user: LoginName::parse(b"alice"), failed_logins: 0 };
        assert_eq!(
            run(&mut at, parse(b"x").unwrap(), Plaintext::Forbidden).err(),
            Some(CommandError::Plaintext)
        );
    }
}
