//! What a dialogue asks of its driver.

use crate::{AuthRequest, CloseReason, Credentials, Deletions, Forwarded, Request, Response, UserName};

/// What [`Dialogue::step`](crate::Dialogue::step) did, and what the driver does next.
#[derive(Debug)]
pub enum Step {
    /// The input is used up: send what there is to send, then read. For an idle timer only replies count as
    /// activity, not this: octets that never make a line are none.
    NeedInput,
    /// Something was appended to `out`, and there may be more: call again, also without new input. Between two calls is
    /// the place to write to the client when `out` has grown.
    Replied,
    /// An effect is not answered yet, nothing was taken.
    Waiting,
    /// Is there such a user? Only where [`Policy::refuse_unknown_users`](crate::Policy::refuse_unknown_users) is set. Answered
    /// by [`Dialogue::user_known`](crate::Dialogue::user_known) or [`Dialogue::login_refused`](crate::Dialogue::login_refused).
    Name(UserName),
    /// Check the password and open the maildrop. Answered by [`Dialogue::logged_in`](crate::Dialogue::logged_in) or [`Dialogue::login_refused`](crate::Dialogue::login_refused).
    Login(Credentials),
    /// Begin a SASL exchange. Answered by [`Dialogue::auth_challenge`](crate::Dialogue::auth_challenge), [`Dialogue::logged_in`](crate::Dialogue::logged_in) or
    /// [`Dialogue::login_refused`](crate::Dialogue::login_refused).
    Auth(AuthRequest),
    /// What the client says to the challenge. Answered like [`Step::Auth`].
    AuthResponse(Response),
    /// Forget the exchange: the client ended it with `*`, or with a line that is no response, and has its `-ERR`. Not
    /// answered. It counts as a failed login, so the next step may be [`Step::Close`].
    AuthCancelled,
    /// Send what there is to send, then do the handshake. Answered by [`Dialogue::tls_started`](crate::Dialogue::tls_started), or when the handshake
    /// fails by [`Dialogue::shut_down`](crate::Dialogue::shut_down).
    ///
    /// No octet came behind the command in the input of [`Dialogue::step`](crate::Dialogue::step). The driver sees to it that it holds none that it
    /// did not show there: whatever was read before the handshake must not be taken for what is said after it.
    StartTls,
    /// A proxy tells for whom it speaks. Only where [`Dialogue::believing`](crate::Dialogue::believing) said so. Answered by [`Dialogue::forwarded`](crate::Dialogue::forwarded), or
    /// where that client is not served by [`Dialogue::shut_down`](crate::Dialogue::shut_down).
    Forward(Forwarded),
    /// Fetch a message. Answered by [`Dialogue::begin_message`](crate::Dialogue::begin_message) and [`Dialogue::end_message`](crate::Dialogue::end_message), or by
    /// [`Dialogue::message_failed`](crate::Dialogue::message_failed).
    Send(Request),
    /// Remove these messages, which may be none, and release the maildrop. Answered by [`Dialogue::finished`](crate::Dialogue::finished). A client
    /// that has gone meanwhile changes nothing: QUIT was said.
    Finish(Deletions),
    /// Send what there is to send, then close. Every later call says so again.
    Close(CloseReason),
}
