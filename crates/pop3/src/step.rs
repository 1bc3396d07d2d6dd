//! What a dialogue asks of its driver.

#[cfg(doc)]
use crate::Dialogue;
use crate::{CloseReason, Credentials, Deletions, Request};

/// What [`Dialogue::step`] did, and what the driver does next.
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
    /// Check the password and open the maildrop. Answered by [`Dialogue::logged_in`] or [`Dialogue::login_refused`].
    Login(Credentials),
    /// Fetch a message. Answered by [`Dialogue::begin_message`] and [`Dialogue::end_message`], or by
    /// [`Dialogue::message_failed`].
    Send(Request),
    /// Remove these messages, which may be none, and release the maildrop. Answered by [`Dialogue::finished`]. A client
    /// that has gone meanwhile changes nothing: QUIT was said.
    Finish(Deletions),
    /// Send what there is to send, then close. Every later call says so again.
    Close(CloseReason),
}
