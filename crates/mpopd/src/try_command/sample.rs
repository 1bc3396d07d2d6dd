//! The mailbox of `mpopd try` without a mailbox: a few messages in a temporary folder.

use std::io;
use std::path::{Path, PathBuf};

const MESSAGES: &str = "\
From postmaster@mpopd.invalid Mon Nov 23 10:00:00 2026
From: mpopd <postmaster@mpopd.invalid>
To: you <try@mpopd.invalid>
Subject: This is mpopd
Date: Mon, 23 Nov 2026 10:00:00 +0000
Message-ID: <sample-1@mpopd.invalid>

You read this over POP3. The mailbox is a sample in a temporary folder and
goes away with the server.

To read your own mail, name it:

    mpopd try ~/Maildir
    mpopd try /var/mail/you

From postmaster@mpopd.invalid Mon Nov 23 10:01:00 2026
From: mpopd <postmaster@mpopd.invalid>
To: you <try@mpopd.invalid>
Subject: Delete me
Date: Mon, 23 Nov 2026 10:01:00 +0000
Message-ID: <sample-2@mpopd.invalid>

DELE marks a message, QUIT removes what is marked. A connection that breaks
before QUIT removes nothing.

From postmaster@mpopd.invalid Mon Nov 23 10:02:00 2026
From: mpopd <postmaster@mpopd.invalid>
To: you <try@mpopd.invalid>
Subject: Dots
Date: Mon, 23 Nov 2026 10:02:00 +0000
Message-ID: <sample-3@mpopd.invalid>

The next line is a single dot, which would end a message on the wire if it
were not doubled there:
.
Here the message goes on.
";

/// A folder that is removed with everything in it when dropped.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    /// Makes a new folder that others may enter but not list: each file in it has its own permissions.
    ///
    /// # Errors
    ///
    /// Errors of mkdir(2), or no random numbers.
    pub(crate) fn new() -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let number = getrandom::u64().map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("mpopd-try-{number:016x}"));
        std::fs::DirBuilder::new().mode(0o711).create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // If it cannot be removed, the machine cleans up its temporary folder some day.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the sample mailbox into a folder of its own below `folder`, for `owner` (uid, gid) if that is not
/// this user.
///
/// # Errors
///
/// Errors of mkdir(2), open(2), write(2) or chown(2).
pub(crate) fn write(folder: &Path, owner: Option<(u32, u32)>) -> io::Result<PathBuf> {
    let spool = folder.join("mail");
    std::fs::create_dir(&spool)?;
    let mbox = spool.join("sample");
    std::fs::write(&mbox, MESSAGES)?;
    if let Some((uid, gid)) = owner {
        for path in [&spool, &mbox] {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
        }
    }
    Ok(mbox)
}
