//! A user list in a file, read again after the file has changed.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use config::Fault;
use zeroize::Zeroizing;

use super::indexed_userlist::{BadUserlistLine, IndexedUserlist};
use super::interface::{FoundUser, Passdb, UserQuery};
use super::read_file::read_file;
use crate::decoy::Decoy;
use crate::file_version::FileVersion;
use crate::login_error::LoginError;
use crate::name::UserName;
use crate::userdb::{Owner, StatedMaildrop};

/// The largest list, in octets: about ten million users.
const MAX_OCTETS: u64 = 1 << 30;

/// The most errors of a list that a running server reports at once: the log is no place for a million lines.
const MOST_REMARKS: usize = 100;

/// The users in a file.
pub(crate) struct Userlist {
    path: PathBuf,
    read: Option<ReadUserlist>,
    /// For the log, until they are taken.
    remarks: Vec<Fault>,
    /// The remarks of the last reading: a list that is read again often has the same errors.
    last_remarks: Vec<Fault>,
}

struct ReadUserlist {
    list: IndexedUserlist,
    stamp: FileVersion,
    /// Whether a later change of the file is sure to change its `stamp`.
    settled: bool,
}

/// A list, with its errors and warnings.
pub(crate) struct CheckedUserlist {
    list: IndexedUserlist,
    stamp: FileVersion,
    /// The lines that are left out.
    pub(crate) faults: Vec<Fault>,
    /// What works but is risky.
    pub(crate) warnings: Vec<Fault>,
}

impl Userlist {
    /// The list at an absolute path. It is read when it is first needed, and need not exist before.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, read: None, remarks: Vec::new(), last_remarks: Vec::new() }
    }

    /// Reads and checks a list.
    ///
    /// # Errors
    ///
    /// It is unusable: it cannot be read, or everyone may write it.
    pub(crate) fn check(path: &Path) -> Result<CheckedUserlist, Fault> {
        let fault = |what: String| Fault::of_file(path, what);
        let cannot_read = |error: io::Error| fault(format!("cannot read the user list: {error}"));
        let (text, metadata) = read_file(path, MAX_OCTETS).map_err(cannot_read)?;
        if metadata.mode() & 0o002 != 0 {
            return Err(fault(format!(
                "everyone may write the user list; run: chmod o-w {}",
                path.display()
            )));
        }
        let (list, bad) = IndexedUserlist::parse(text);

        let mut warnings = Vec::new();
        if metadata.mode() & 0o004 != 0 {
            let what = format!(
                "everyone may read the user list and its passwords; run: chmod o-r {}",
                path.display()
            );
            warnings.push(fault(what));
        }
        let faults = bad.into_iter().map(|bad| bad.into_fault(path)).collect();
        Ok(CheckedUserlist { list, stamp: FileVersion::of(&metadata), faults, warnings })
    }

    /// Whether there is anything at this path.
    pub(crate) fn exists(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    /// What the list knows about a user. The settings decide where the mail is.
    ///
    /// # Errors
    ///
    /// The list cannot be read.
    pub(crate) fn find_entry(&mut self, user: &UserName) -> Result<Option<FoundUser>, LoginError> {
        let Some(entry) = self.current()?.get(user) else { return Ok(None) };
        let Some(secret) = entry.password.secret() else { return Ok(Some(FoundUser::Locked)) };
        let home = entry.home.map(Path::to_owned);
        let (uid, gid) = (entry.uid, entry.gid);
        let owner =
            Owner { user: user.clone(), uid, gid, own_uid: false, home, mail: StatedMaildrop::BySettings };
        Ok(Some(FoundUser::Stored(owner, secret)))
    }

    /// The list as it is in the file now.
    fn current(&mut self) -> Result<&IndexedUserlist, LoginError> {
        let now = fs::metadata(&self.path).map(|metadata| FileVersion::of(&metadata)).ok();
        let began = SystemTime::now();
        let reading = match self.read.take() {
            Some(read) if now == Some(read.stamp) && read.settled => read,
            // It was read so soon after a change that another change may have left the same version. If the
            // text is still the same, keeping the old copy keeps memory shared with the sibling processes.
            Some(read) if now == Some(read.stamp) && self.is_as_read(&read.list) => {
                ReadUserlist { settled: read.stamp.is_settled(began), ..read }
            }
            outdated => {
                // Freed before the new one is read, so that there are never two in memory.
                drop(outdated);
                let checked =
                    Self::check(&self.path).map_err(|fault| LoginError::temporary(fault.to_string()))?;
                self.note(&checked);
                ReadUserlist {
                    settled: checked.stamp.is_settled(began),
                    list: checked.list,
                    stamp: checked.stamp,
                }
            }
        };
        Ok(&self.read.insert(reading).list)
    }

    fn is_as_read(&self, list: &IndexedUserlist) -> bool {
        let Ok(mut file) = File::open(&self.path) else { return false };
        let mut rest = list.text();
        let mut chunk = Zeroizing::new([0; 65_536]);
        loop {
            let octets = match file.read(chunk.as_mut_slice()) {
                Ok(0) => return rest.is_empty(),
                Ok(octets) => octets,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return false,
            };
            match chunk.get(..octets).and_then(|read| rest.strip_prefix(read)) {
                Some(more) => rest = more,
                None => return false,
            }
        }
    }

    /// Keeps the list's errors and warnings for the log, unless they are the same as last time.
    fn note(&mut self, checked: &CheckedUserlist) {
        let all = checked.warnings.iter().chain(&checked.faults);
        let mut new: Vec<Fault> = all.take(MOST_REMARKS).cloned().collect();
        let more = (checked.warnings.len() + checked.faults.len()).saturating_sub(MOST_REMARKS);
        if more > 0 {
            new.push(Fault::of_file(&self.path, format!("{more} more faults; mpopd -t lists them all")));
        }
        if new != self.last_remarks {
            self.last_remarks.clone_from(&new);
            self.remarks = new;
        }
    }
}

impl Passdb for Userlist {
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError> {
        self.find_entry(query.user)
    }

    fn decoys(&mut self, _: &UserQuery<'_>) -> Vec<Decoy> {
        self.current().map_or_else(|_| Vec::new(), |list| list.decoys().to_vec())
    }

    fn scram_fits(&mut self) -> bool {
        let fits = |decoy: &Decoy| decoy.secret.as_ref().is_some_and(|secret| secret.stored().scram_fits());
        self.current().is_ok_and(|list| !list.decoys().is_empty() && list.decoys().iter().all(fits))
    }

    fn warm(&mut self) {
        // An error is reported when the list is needed.
        let _ = self.current();
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.remarks)
    }
}

impl BadUserlistLine {
    fn into_fault(self, path: &Path) -> Fault {
        let fault = Fault::of_line(path, self.line, self.why.to_string());
        match self.user {
            Some(user) => fault.key(user),
            None => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password::StoredPassword;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use vocabulary::LoginFailure;

    struct Scene {
        _folder: tempfile::TempDir,
        path: PathBuf,
        users: Userlist,
    }

    fn scene(text: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        write(&path, text);
        let users = Userlist::new(path.clone());
        Scene { _folder: folder, path, users }
    }

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    impl Scene {
        /// The uid of a user that is found with this plain password.
        fn login(&mut self, user: &str, password: &str) -> Result<u32, LoginError> {
            let user = UserName::try_from(user.as_bytes()).unwrap();
            let stored = StoredPassword::Plain(password.as_bytes()).secret().unwrap();
            match self.users.find_entry(&user)? {
                Some(FoundUser::Stored(owner, secret)) if secret == stored => Ok(owner.uid.get()),
                Some(FoundUser::Stored(..)) => Err(LoginFailure::Password.into()),
                Some(_) => Err(LoginFailure::Disabled.into()),
                None => Err(LoginFailure::UnknownUser.into()),
            }
        }
    }

    #[test]
    fn users_are_found_locked_or_unknown() {
        let mut scene = scene("a:{PLAIN}x:7\nb:!{PLAIN}x:7\n");
        assert_eq!(scene.login("a", "x"), Ok(7));
        assert_eq!(scene.login("b", "x"), Err(LoginFailure::Disabled.into()));
        assert_eq!(scene.login("d", "x"), Err(LoginFailure::UnknownUser.into()));
    }

    #[test]
    fn a_change_counts_at_the_next_login_even_one_of_the_same_size_at_once() {
        let mut scene = scene("a:{PLAIN}x:7\n");
        assert_eq!(scene.login("a", "x"), Ok(7));
        for password in ["y", "z", "x"] {
            write(&scene.path, &format!("a:{{PLAIN}}{password}:7\n"));
            assert_eq!(scene.login("a", password), Ok(7));
        }
        fs::remove_file(&scene.path).unwrap();
        assert!(scene.login("a", "x").unwrap_err().detail().is_some_and(|why| why.contains("No such file")));
        write(&scene.path, "a:{PLAIN}new:8\n");
        assert_eq!(scene.login("a", "new"), Ok(8));
    }

    #[test]
    fn a_settled_list_is_not_read_again() {
        let mut scene = scene("a:{PLAIN}x:7\n");
        assert_eq!(scene.login("a", "x"), Ok(7));
        // The file stays unchanged; its copy in memory is replaced by one that can be told apart.
        let read = scene.users.read.as_mut().unwrap();
        read.settled = true;
        read.list = IndexedUserlist::parse(Zeroizing::new(b"a:{PLAIN}kept:9\n".to_vec())).0;
        assert_eq!(scene.login("a", "kept"), Ok(9));
    }

    #[test]
    fn what_was_read_too_soon_is_compared_and_kept() {
        let mut scene = scene("a:{PLAIN}x:7\n");
        assert_eq!(scene.login("a", "x"), Ok(7));
        let text = scene.users.read.as_ref().unwrap().list.text().as_ptr();
        assert!(!scene.users.read.as_ref().unwrap().settled);
        assert_eq!(scene.login("a", "x"), Ok(7));
        assert_eq!(scene.users.read.as_ref().unwrap().list.text().as_ptr(), text);
        for other in ["a:{PLAIN}y:7\n", "a:{PLAIN}x:7", "a:{PLAIN}x:7\n\n"] {
            write(&scene.path, other);
            assert!(!scene.users.is_as_read(&scene.users.read.as_ref().unwrap().list), "{other}");
        }
    }

    #[test]
    fn faults_are_kept_for_the_log_and_do_not_stop_the_others() {
        let mut scene = scene("a:{PLAIN}x:7\nroot:{PLAIN}x:0\n");
        fs::set_permissions(&scene.path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(scene.login("a", "x"), Ok(7));
        assert_eq!(scene.login("root", "x"), Err(LoginFailure::UnknownUser.into()));
        let told: Vec<_> = scene.users.take_remarks().iter().map(ToString::to_string).collect();
        let file = scene.path.display();
        assert_eq!(
            told,
            [
                format!("{file}: everyone may read the user list and its passwords; run: chmod o-r {file}"),
                format!("{file}:2: root: uid 0 owns no maildrop; give the uid of an ordinary user"),
            ]
        );
    }

    #[test]
    fn scram_fits_a_list_without_hashes() {
        let verifier = "{SCRAM-SHA-256}4096,W22ZaJ0SNY7soEsUEjb6gQ==,WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=,\
            wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        assert!(scene(&format!("a:{{PLAIN}}x:7\nb:{verifier}:7\nc:!:7\n")).users.scram_fits());
        assert!(!scene("a:{PLAIN}x:7\nb:$6$s$h:7\n").users.scram_fits());
        assert!(!scene("a:!:7\n").users.scram_fits(), "nobody can log in");
        assert!(!Userlist::new("/nonexistent".into()).scram_fits());
    }

    #[test]
    fn a_list_full_of_faults_does_not_fill_the_log() {
        let mut scene = scene(&"nonsense\n".repeat(5000));
        assert_eq!(scene.login("a", "x"), Err(LoginFailure::UnknownUser.into()));
        let told = scene.users.take_remarks();
        assert_eq!(told.len(), MOST_REMARKS + 1);
        assert!(told.last().unwrap().to_string().ends_with("4900 more faults; mpopd -t lists them all"));
    }

    #[test]
    fn a_list_that_everyone_may_write_is_not_used() {
        let mut scene = scene("a:{PLAIN}x:7\n");
        fs::set_permissions(&scene.path, Permissions::from_mode(0o602)).unwrap();
        assert!(scene.login("a", "x").unwrap_err().detail().is_some_and(|why| why.contains("chmod o-w")));
    }
}
