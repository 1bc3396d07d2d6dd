//! The use of the group that may make lock files in the mail spool (setting `mailgroup`), for one operation at a time.

use std::io;

use maildrop::MailGroup;

/// The group, as a maildrop process has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group(pub u32);

impl Group {
    /// The group id.
    pub fn gid(self) -> u32 {
        self.0
    }
}

impl MailGroup for Group {
    fn during(&self, action: &mut dyn FnMut()) -> io::Result<()> {
        let done = sys::group::with_file_group(self.0, action);
        // A change of group makes a process dumpable again where the system is set up so.
        sys::process::not_dumpable()?;
        done
    }
}
