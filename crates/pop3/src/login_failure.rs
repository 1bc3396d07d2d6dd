//! What the client learns of a failed login: the response code and the text, for every reason in one place.

use crate::language::ReplyText;
use crate::{CommandError, ResponseCode};
use vocabulary::LoginFailure;

/// The response code and the text of the `-ERR` that answers a failed login.
///
/// A wrong password, an unknown user and a disabled account get the same reply, so that nobody can find out
/// by trying which users exist. Only these are `[AUTH]`, which makes clients ask for the password again; a
/// limit or a locked maildrop must not look like a wrong password (RFC 3206, section 4).
pub(crate) fn reply(failure: LoginFailure) -> (Option<ResponseCode>, ReplyText) {
    match failure {
        LoginFailure::Password | LoginFailure::UnknownUser | LoginFailure::Disabled => {
            (Some(ResponseCode::Auth), ReplyText::WrongCredentials)
        }
        LoginFailure::DeniedHost | LoginFailure::ReverseLookup => {
            (Some(ResponseCode::SysPerm), ReplyText::HostNotAllowed)
        }
        LoginFailure::Plaintext => (None, ReplyText::Refused(CommandError::Plaintext)),
        LoginFailure::Limit => (Some(ResponseCode::SysTemp), ReplyText::TooManySessions),
        LoginFailure::InUse => (Some(ResponseCode::InUse), ReplyText::MaildropInUse),
        LoginFailure::LoginDelay => (Some(ResponseCode::LoginDelay), ReplyText::LoginTooSoon),
        LoginFailure::Temporary => (Some(ResponseCode::SysTemp), ReplyText::NoLoginNow),
        LoginFailure::Maildrop => (Some(ResponseCode::SysPerm), ReplyText::MaildropUnusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::text;

    #[test]
    fn only_wrong_credentials_look_like_a_wrong_password_and_all_of_them_do() {
        for failure in LoginFailure::ALL.iter().copied() {
            let (code, said) = reply(failure);
            let line = text(|out| crate::reply::err(out, code, said));
            let guess = matches!(
                failure,
                LoginFailure::Password | LoginFailure::UnknownUser | LoginFailure::Disabled
            );
            assert_eq!(line == "-ERR [AUTH] wrong user name or password\r\n", guess, "{failure:?}: {line}");
            assert_eq!(line.contains("[AUTH]"), guess, "{failure:?}: {line}");
        }
    }
}
