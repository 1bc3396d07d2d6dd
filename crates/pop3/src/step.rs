//! What a dialogue asks its driver to do.

use crate::{
    AuthRequest, CloseReason, Credentials, Deletions, FetchRequest, Forwarded, LoginName, SaslResponse,
};

/// What [`Dialogue::step`](crate::Dialogue::step) did, and what the driver must do next.
#[derive(Debug)]
pub enum Step {
    /// The input is used up: write the output, then read. This is not activity for an idle timer, only a
    /// reply is: otherwise a client could keep the connection open with octets that never make a line.
    NeedInput,
    /// The dialogue appended something to `out`, and there may be more: call again, even without new input.
    /// The time to write to the client is between two calls, when `out` has grown.
    Replied,
    /// An effect is not answered yet. The dialogue took nothing.
    Waiting,
    /// Find out whether this user exists. Only if
    /// [`Policy::refuse_unknown_users`](crate::Policy::refuse_unknown_users) is set. Answered by
    /// [`Dialogue::user_known`](crate::Dialogue::user_known) or
    /// [`Dialogue::login_refused`](crate::Dialogue::login_refused).
    LookUpUser(LoginName),
    /// Check the password and open the maildrop. Answered by
    /// [`Dialogue::logged_in`](crate::Dialogue::logged_in) or
    /// [`Dialogue::login_refused`](crate::Dialogue::login_refused).
    Login(Credentials),
    /// Begin a SASL exchange. Answered by [`Dialogue::auth_challenge`](crate::Dialogue::auth_challenge),
    /// [`Dialogue::logged_in`](crate::Dialogue::logged_in) or
    /// [`Dialogue::login_refused`](crate::Dialogue::login_refused).
    Auth(AuthRequest),
    /// Continue the exchange with the client's response to the challenge. Answered like [`Step::Auth`].
    AuthResponse(SaslResponse),
    /// Forget the exchange. The client cancelled it with `*`, or sent a line that is not a response, and has
    /// its `-ERR` already. Needs no answer. It counts as a failed login, so the next step may be
    /// [`Step::Close`].
    AuthCancelled,
    /// Write the output, then do the TLS handshake. Answered by
    /// [`Dialogue::tls_started`](crate::Dialogue::tls_started), or by
    /// [`Dialogue::shut_down`](crate::Dialogue::shut_down) if the handshake fails.
    ///
    /// The input of [`Dialogue::step`](crate::Dialogue::step) had no octets after the command. The driver
    /// must not hold any either: octets that were read before the handshake must not be taken for what the
    /// client sends under TLS.
    StartTls,
    /// A proxy names the client for whom it speaks. Only if
    /// [`Dialogue::trusted_proxy`](crate::Dialogue::trusted_proxy) was set. Answered by
    /// [`Dialogue::forwarded`](crate::Dialogue::forwarded), or by
    /// [`Dialogue::shut_down`](crate::Dialogue::shut_down) if that client is not to be served.
    Forward(Forwarded),
    /// Fetch a message. Answered by [`Dialogue::begin_message`](crate::Dialogue::begin_message) and
    /// [`Dialogue::end_message`](crate::Dialogue::end_message), or by
    /// [`Dialogue::message_failed`](crate::Dialogue::message_failed).
    Fetch(FetchRequest),
    /// Remove these messages, if any, and release the maildrop. Answered by
    /// [`Dialogue::finished`](crate::Dialogue::finished). The driver must do so even if the client has gone
    /// in the meantime, since it has sent QUIT.
    Finish(Deletions),
    /// Write the output, then close the connection. Every later call returns this again.
    Close(CloseReason),
}
