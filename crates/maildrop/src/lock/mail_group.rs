//! The rights of the group that may write in the mail spool.

use std::io;

/// The rights of the group that may write in the mail spool (setting `mailgroup`). They are used only while a
/// dotlock is made or removed.
pub trait MailGroup: Send + Sync {
    /// Calls `action` once, on this thread, with those rights.
    ///
    /// # Errors
    ///
    /// The rights cannot be taken; `action` was not called.
    fn during(&self, action: &mut dyn FnMut()) -> io::Result<()>;
}
