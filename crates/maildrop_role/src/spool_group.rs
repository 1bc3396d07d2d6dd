//! Uses the group that may make lock files in the mail spool (setting `mailgroup`), for one operation at a
//! time.

use std::io;

use maildrop::MailGroup;

/// The group as a maildrop process has it: its saved group id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolGroup(pub u32);

impl SpoolGroup {
    /// The group id.
    pub fn gid(self) -> u32 {
        self.0
    }
}

impl MailGroup for SpoolGroup {
    fn during(&self, action: &mut dyn FnMut()) -> io::Result<()> {
        let done = sys::group::with_file_group(self.0, action);
        // Depending on fs.suid_dumpable, a change of group makes a process dumpable again (proc(5)).
        sys::process::not_dumpable()?;
        done
    }
}
