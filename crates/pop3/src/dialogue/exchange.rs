//! The challenges and responses of a SASL exchange, once AUTH has begun it (RFC 5034, section 4).

use super::Dialogue;
use crate::commands::auth;
use crate::language::ReplyText;
use crate::line::NextLine;
use crate::reply::{self, ReplyWriter};
use crate::state::{ExchangeState, SessionState};
use crate::{CommandError, CommandRecord, MAX_SASL_LINE, MessageListing, Step, Verb};
use std::mem;

impl<L: MessageListing> Dialogue<L> {
    /// The mechanism needs a response from the client: answers [`Step::Auth`] and [`Step::AuthResponse`]. The
    /// challenge is sent in base64. It may be empty, and should make a line of at most [`MAX_SASL_LINE`]
    /// octets.
    pub fn auth_challenge(&mut self, challenge: &[u8], out: &mut Vec<u8>) {
        match mem::take(&mut self.state) {
            SessionState::Exchanging(at) => {
                auth::challenge(challenge, out);
                self.state = SessionState::Challenged(at);
            }
            other => self.state = other,
        }
    }

    /// Takes the line after a challenge. It is a response even if it looks like a command.
    pub(super) fn take_response(
        &mut self,
        at: ExchangeState,
        input: &mut &[u8],
        out: &mut ReplyWriter<'_>,
    ) -> Step {
        let response = match self.lines.next(input, MAX_SASL_LINE) {
            NextLine::Partial => {
                self.state = SessionState::Challenged(at);
                return Step::NeedInput;
            }
            NextLine::TooLong => Err(CommandError::LineTooLong(MAX_SASL_LINE)),
            NextLine::Whole(line) => auth::response(&line),
        };
        match response {
            Ok(response) => {
                self.state = SessionState::Exchanging(at);
                Step::AuthResponse(response)
            }
            Err(error) => self.break_off(&at, error, out),
        }
    }

    /// The client aborted the exchange. This counts as a failed login: otherwise a client could try for ever,
    /// because one that learns of its failure from a challenge could avoid the count with `*`.
    fn break_off(&mut self, at: &ExchangeState, error: CommandError, out: &mut ReplyWriter<'_>) -> Step {
        let (verb, mechanism) = (Some(Verb::Auth), Some(at.mechanism));
        self.record =
            Some(CommandRecord { verb, mechanism, refused: Some(error), ..CommandRecord::default() });
        reply::err(out, None, ReplyText::Refused(error));
        self.login_failed(None, at.failed_logins);
        Step::AuthCancelled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeListing;
    use crate::{CloseReason, LoginName, SessionPhase, Shutdown, Tls};
    use std::sync::Arc;
    use vocabulary::LoginFailure;

    /// Takes lines until the input is used up or the dialogue returns an effect.
    fn drive(dialogue: &mut Dialogue<FakeListing>, mut input: &[u8], out: &mut Vec<u8>) -> Step {
        loop {
            match dialogue.step(&mut input, out) {
                Step::Replied => {}
                step => return step,
            }
        }
    }

    /// A dialogue whose client has its first challenge.
    fn challenged(out: &mut Vec<u8>) -> Dialogue<FakeListing> {
        let mut dialogue = Dialogue::new(Arc::default(), Tls::Active, Arc::new(["LOGIN"]));
        again(&mut dialogue, out);
        dialogue
    }

    fn again(dialogue: &mut Dialogue<FakeListing>, out: &mut Vec<u8>) {
        let step = drive(dialogue, b"AUTH login\r\n", out);
        assert!(
            matches!(step, Step::Auth(request) if request.mechanism == "LOGIN" && request.initial.is_none())
        );
        dialogue.auth_challenge(b"User Name\0", out);
    }

    #[test]
    fn steps_go_to_and_fro_until_the_verdict() {
        let mut out = Vec::new();
        let mut dialogue = challenged(&mut out);
        for (line, response) in
            [(&b"YWxpY2U=\r\nSTAT\r\n"[..], &b"alice"[..]), (b"\r\n", b""), (b"UVVJVA==\n", b"QUIT")]
        {
            let step = drive(&mut dialogue, line, &mut out);
            assert!(matches!(step, Step::AuthResponse(said) if said.expose() == response));
            assert!(matches!(dialogue.step(&mut &b"UVVJVA==\r\n"[..], &mut out), Step::Waiting));
            assert_eq!(dialogue.phase(), SessionPhase::Authenticating);
            dialogue.auth_challenge(b"", &mut out);
        }
        assert!(matches!(drive(&mut dialogue, b"QUIT\r\n", &mut out), Step::AuthResponse(_)), "no command");
        let alice = LoginName::parse(b"alice").unwrap();
        dialogue.logged_in(alice.clone(), FakeListing::new(&[5]), &mut out);
        assert_eq!(dialogue.user(), Some(&alice));
        let last = "+OK maildrop has 1 messages (5 octets)\r\n";
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("+ VXNlciBOYW1lAA==\r\n+ \r\n+ \r\n+ \r\n{last}")
        );
    }

    #[test]
    fn what_ends_an_exchange_is_one_err_and_a_failed_login() {
        let long = [vec![b'A'; MAX_SASL_LINE], b"\r\n".to_vec()].concat();
        let endings = [
            (&b"*\r\n"[..], CommandError::Cancelled),
            (b"A\r\n", CommandError::NotBase64),
            (&long, CommandError::LineTooLong(MAX_SASL_LINE)),
        ];
        let mut out = Vec::new();
        let mut dialogue = challenged(&mut out);
        for (count, (line, error)) in endings.into_iter().enumerate() {
            if count > 0 {
                again(&mut dialogue, &mut out);
            }
            out.clear();
            assert!(matches!(drive(&mut dialogue, line, &mut out), Step::AuthCancelled));
            assert_eq!(String::from_utf8_lossy(&out), format!("-ERR {error}\r\n"));
            let record = dialogue.take_record().unwrap();
            assert_eq!(
                (record.verb, record.mechanism, record.refused),
                (Some(Verb::Auth), Some("LOGIN"), Some(error))
            );
        }
        assert!(matches!(drive(&mut dialogue, b"", &mut out), Step::Close(CloseReason::FailedLogins)));
    }

    #[test]
    fn an_answer_when_none_is_waited_for_is_ignored() {
        let mut out = Vec::new();
        let mut dialogue = challenged(&mut out);
        out.clear();
        dialogue.auth_challenge(b"again", &mut out);
        dialogue.login_refused(LoginFailure::Password, &mut out);
        assert!(out.is_empty(), "it is the client's turn");
        dialogue.shut_down(Shutdown::Stopping, &mut out);
        out.clear();
        dialogue.auth_challenge(b"again", &mut out);
        assert!(out.is_empty());
    }

    #[test]
    fn a_response_of_twelve_kilobytes_is_taken() {
        let mut out = Vec::new();
        let response = "A".repeat(MAX_SASL_LINE - 4);
        let mut dialogue = challenged(&mut out);
        let step = drive(&mut dialogue, format!("{response}\r\n").as_bytes(), &mut out);
        assert!(matches!(step, Step::AuthResponse(said) if said.expose().len() == 9213));

        let mut dialogue = Dialogue::<FakeListing>::new(Arc::default(), Tls::Active, Arc::new(["LOGIN"]));
        let initial = "A".repeat(MAX_SASL_LINE - "AUTH LOGIN \r\n".len() - 3);
        let step = drive(&mut dialogue, format!("AUTH LOGIN {initial}\r\n").as_bytes(), &mut out);
        assert!(
            matches!(step, Step::Auth(request) if request.initial.as_ref().unwrap().expose().len() == 9204)
        );
    }
}
