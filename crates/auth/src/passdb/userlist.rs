//! A user list in a file, read again when the file has changed.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::Fault;
use sys::crypt::{Crypt, CryptError};
use zeroize::Zeroizing;

use super::list::{BadLine, List};
use super::{Attempt, Passdb};
use crate::name::UserName;
use crate::password::Stored;
use crate::refusal::Refusal;
use crate::userdb::{Mail, Owner};

/// The largest list, in octets: about ten million users.
const MAX_OCTETS: u64 = 1 << 30;

/// The most faults of a list that a running server reports at a time: the log is no place for a million lines.
const MOST_REMARKS: usize = 100;

/// The users in a file.
pub(crate) struct UserlistFile {
    path: PathBuf,
    crypt: Crypt,
    read: Option<Reading>,
    /// For the log, until it is taken.
    remarks: Vec<Fault>,
    /// The last remarks: a list that is read again often has the same faults.
    said: Vec<Fault>,
}

struct Reading {
    list: List,
    state: State,
    /// Whether a later change of the file is sure to change its `state`.
    settled: bool,
}

/// What a file was when it was read: another state is another content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    device: u64,
    inode: u64,
    octets: u64,
    modified: (i64, i64),
    /// Catches what keeps the other time, such as `cp -p`.
    changed: (i64, i64),
}

/// A list together with what is to be said about it.
pub(crate) struct Checked {
    list: List,
    state: State,
    /// Lines that are left out.
    pub(crate) faults: Vec<Fault>,
    /// What is risky, though it works.
    pub(crate) warnings: Vec<Fault>,
}

impl UserlistFile {
    /// The list at an absolute path. It is read at the first login, and need not be there before.
    pub(crate) fn new(path: PathBuf, crypt: Crypt) -> Self {
        Self { path, crypt, read: None, remarks: Vec::new(), said: Vec::new() }
    }

    /// Reads and checks a list.
    ///
    /// # Errors
    /// It cannot be used at all: it cannot be read, or everyone may write it.
    pub(crate) fn check(path: &Path) -> Result<Checked, Fault> {
        let fault = |what: String| Fault::of_file(path, what);
        let cannot_read = |error: std::io::Error| fault(format!("cannot read the user list: {error}"));
        // Before it is opened: to open a FIFO would wait for its writer.
        if !fs::metadata(path).map_err(cannot_read)?.is_file() {
            return Err(fault("cannot read the user list: not a regular file".to_owned()));
        }
        let file = File::open(path).map_err(cannot_read)?;
        let metadata = file.metadata().map_err(cannot_read)?;
        if metadata.mode() & 0o002 != 0 {
            return Err(fault(format!(
                "everyone may write the user list; run: chmod o-w {}",
                path.display()
            )));
        }
        if metadata.len() > MAX_OCTETS {
            return Err(fault(format!("the user list has more than {MAX_OCTETS} octets")));
        }
        let text = read_whole(file, metadata.len()).map_err(cannot_read)?;
        let (list, bad) = List::parse(text);

        let mut warnings = Vec::new();
        if metadata.mode() & 0o004 != 0 {
            let what = format!(
                "everyone may read the user list and its passwords; run: chmod o-r {}",
                path.display()
            );
            warnings.push(fault(what));
        }
        let faults = bad.into_iter().map(|bad| bad.into_fault(path)).collect();
        Ok(Checked { list, state: State::of(&metadata), faults, warnings })
    }

    /// The list as the file has it now. The caller puts it back into `read`.
    fn current(&mut self) -> Result<Reading, Refusal> {
        let now = fs::metadata(&self.path).map(|metadata| State::of(&metadata)).ok();
        match self.read.take() {
            Some(read) if read.settled && now == Some(read.state) => Ok(read),
            outdated => {
                // Before the new one is read: there need never be room for two.
                drop(outdated);
                let began = SystemTime::now();
                let checked =
                    Self::check(&self.path).map_err(|fault| Refusal::Temporary(fault.to_string()))?;
                self.note(&checked);
                Ok(Reading {
                    settled: checked.state.is_settled(began),
                    list: checked.list,
                    state: checked.state,
                })
            }
        }
    }

    /// Keeps what is to be said about the list for the log, unless it is what was said last.
    fn note(&mut self, checked: &Checked) {
        let all = checked.warnings.iter().chain(&checked.faults);
        let mut new: Vec<Fault> = all.take(MOST_REMARKS).cloned().collect();
        let more = (checked.warnings.len() + checked.faults.len()).saturating_sub(MOST_REMARKS);
        if more > 0 {
            new.push(Fault::of_file(&self.path, format!("{more} more faults; mpopd -t lists them all")));
        }
        if new != self.said {
            self.said.clone_from(&new);
            self.remarks = new;
        }
    }
}

impl Passdb for UserlistFile {
    fn authenticate(&mut self, attempt: &Attempt<'_>) -> Result<Owner, Refusal> {
        let reading = self.current()?;
        let verdict = judge(&reading.list, &self.path, attempt, &mut self.crypt);
        self.read = Some(reading);
        verdict
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.remarks)
    }
}

fn judge(list: &List, path: &Path, attempt: &Attempt<'_>, crypt: &mut Crypt) -> Result<Owner, Refusal> {
    let entry = list.get(attempt.user);
    // Who has no password to compare with costs the time of one all the same, and the result is not looked at.
    let own =
        entry.as_ref().map(|entry| entry.password).filter(|password| !matches!(password, Stored::Locked));
    let right = match own.or_else(|| list.typical_password()) {
        Some(password) => password.verify(attempt.password, crypt),
        None => Ok(false),
    };
    match (entry, own, right) {
        (None, _, _) => Err(Refusal::UnknownUser),
        (Some(_), None, _) => Err(Refusal::Disabled),
        (Some(_), Some(_), Ok(false)) => Err(Refusal::Password),
        (Some(_), Some(_), Err(error)) => Err(cannot_verify(path, attempt.user, &error)),
        (Some(entry), Some(_), Ok(true)) => Ok(Owner {
            uid: entry.uid,
            gid: entry.gid,
            home: entry.home.map(Path::to_owned),
            mail: Mail::BySettings,
        }),
    }
}

fn cannot_verify(path: &Path, user: &UserName, error: &CryptError) -> Refusal {
    Refusal::Temporary(Fault::of_file(path, error.to_string()).key(user.as_str()).to_string())
}

fn read_whole(file: File, expected: u64) -> std::io::Result<Zeroizing<Vec<u8>>> {
    // Of the right size from the start: a vector that grows leaves copies of passwords behind.
    let mut text = Zeroizing::new(vec![0; usize::try_from(expected).unwrap_or(0) + 1]);
    let mut file = file;
    let mut filled = 0;
    while let Some(room) = text.get_mut(filled..).filter(|room| !room.is_empty()) {
        match file.read(room) {
            Ok(0) => break,
            Ok(octets) => filled += octets,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if filled as u64 > expected {
        return Err(std::io::Error::other("it grew while it was read"));
    }
    text.truncate(filled);
    Ok(text)
}

impl BadLine {
    fn into_fault(self, path: &Path) -> Fault {
        let fault = Fault::of_line(path, self.line, self.why.to_string());
        match self.user {
            Some(user) => fault.key(user),
            None => fault,
        }
    }
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            octets: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the last change is so long ago, seen from when the reading `began`, that another one gets another time. File
    /// systems count time in ticks of milliseconds, some in seconds. A change "in the future" is that of a wrong clock.
    fn is_settled(&self, began: SystemTime) -> bool {
        const TICK: Duration = Duration::from_secs(2);
        let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(self.changed.0), u32::try_from(self.changed.1))
        else {
            return true;
        };
        let changed = UNIX_EPOCH + Duration::new(seconds, nanoseconds);
        let apart = match began.duration_since(changed) {
            Ok(since) => since,
            Err(until) => until.duration(),
        };
        apart > TICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    struct Scene {
        _folder: tempfile::TempDir,
        path: PathBuf,
        users: UserlistFile,
    }

    fn scene(text: &str) -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        write(&path, text);
        let users = UserlistFile::new(path.clone(), Crypt::load().unwrap());
        Scene { _folder: folder, path, users }
    }

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    impl Scene {
        fn login(&mut self, user: &str, password: &str) -> Result<u32, Refusal> {
            let user = UserName::try_from(user.as_bytes()).unwrap();
            let peer = std::net::Ipv4Addr::LOCALHOST.into();
            let attempt = Attempt { user: &user, password: password.as_bytes(), peer };
            self.users.authenticate(&attempt).map(|owner| owner.uid.get())
        }
    }

    #[test]
    fn each_outcome_has_its_word() {
        let mut scene = scene("a:{PLAIN}x:7\nb:!{PLAIN}x:7\nc:$none$x$y:7\n");
        assert_eq!(scene.login("a", "x"), Ok(7));
        assert_eq!(scene.login("a", "X"), Err(Refusal::Password));
        assert_eq!(scene.login("b", "x"), Err(Refusal::Disabled));
        assert_eq!(scene.login("d", "x"), Err(Refusal::UnknownUser));
        let told = scene.login("c", "x").unwrap_err().to_string();
        assert!(told.contains("users: c: the system's libcrypt does not know this kind"), "{told}");
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
        assert!(
            matches!(scene.login("a", "x"), Err(Refusal::Temporary(why)) if why.contains("No such file"))
        );
        write(&scene.path, "a:{PLAIN}new:8\n");
        assert_eq!(scene.login("a", "new"), Ok(8));
    }

    #[test]
    fn a_settled_list_is_not_read_again() {
        let mut scene = scene("a:{PLAIN}x:7\n");
        let state = State::of(&fs::metadata(&scene.path).unwrap());
        let changed = UNIX_EPOCH + Duration::new(state.changed.0 as u64, state.changed.1 as u32);
        assert!(!state.is_settled(changed));
        assert!(state.is_settled(changed + Duration::from_secs(60)));
        assert!(state.is_settled(changed - Duration::from_secs(3600)), "a wrong clock is not for ever");

        assert_eq!(scene.login("a", "x"), Ok(7));
        // The file stays as it is; what was read of it is exchanged for something that can be told apart.
        let read = scene.users.read.as_mut().unwrap();
        read.settled = true;
        read.list = List::parse(Zeroizing::new(b"a:{PLAIN}kept:9\n".to_vec())).0;
        assert_eq!(scene.login("a", "kept"), Ok(9));
    }

    #[test]
    fn faults_are_kept_for_the_log_and_do_not_stop_the_others() {
        let mut scene = scene("a:{PLAIN}x:7\nroot:{PLAIN}x:0\n");
        fs::set_permissions(&scene.path, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(scene.login("a", "x"), Ok(7));
        assert_eq!(scene.login("root", "x"), Err(Refusal::UnknownUser));
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
    fn a_list_full_of_faults_does_not_fill_the_log() {
        let mut scene = scene(&"nonsense\n".repeat(5000));
        assert_eq!(scene.login("a", "x"), Err(Refusal::UnknownUser));
        let told = scene.users.take_remarks();
        assert_eq!(told.len(), MOST_REMARKS + 1);
        assert!(told.last().unwrap().to_string().ends_with("4900 more faults; mpopd -t lists them all"));
    }

    #[test]
    fn a_list_that_everyone_may_write_is_not_used() {
        let mut scene = scene("a:{PLAIN}x:7\n");
        fs::set_permissions(&scene.path, Permissions::from_mode(0o602)).unwrap();
        assert!(matches!(scene.login("a", "x"), Err(Refusal::Temporary(why)) if why.contains("chmod o-w")));
    }
}
