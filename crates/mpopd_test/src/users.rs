//! The users who log in, from a numbered pattern or a file, and whose turn it is.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A user of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TestUser {
    /// The argument of USER.
    pub(crate) name: String,
    /// The argument of PASS.
    pub(crate) password: String,
}

/// What is wrong with the users of the command line.
#[derive(Debug)]
pub(crate) enum UsersError {
    /// The file of this name cannot be read.
    File(String, io::Error),
    /// This line of the file, from 1, has no name.
    NoName(String, usize),
    /// This line of the file, from 1, is not fit for a command.
    BadLine(String, usize, NotSendable),
    /// The file names no user.
    NoUser(String),
    /// The pattern cannot be read.
    Pattern(String),
    /// A name or password is not fit for a command.
    NotSendable(NotSendable),
}

/// A name or password that would end a command early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotSendable;

/// The users of `--users`: a pattern such as `u%d:0-99`, or a file with a line `user` or `user:password`
/// each.
///
/// # Errors
///
/// A pattern or a line that cannot be read; the system's, for the file.
pub(crate) fn parse(argument: &str, password: &str) -> Result<Vec<TestUser>, UsersError> {
    if argument.contains("%d") {
        return pattern(argument, password);
    }
    let text = std::fs::read_to_string(Path::new(argument))
        .map_err(|error| UsersError::File(argument.to_owned(), error))?;
    let mut users = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, password) = line.split_once(':').unwrap_or((line, password));
        if name.is_empty() {
            return Err(UsersError::NoName(argument.to_owned(), number));
        }
        let user = user(name, password);
        users.push(user.map_err(|why| UsersError::BadLine(argument.to_owned(), number, why))?);
    }
    if users.is_empty() { Err(UsersError::NoUser(argument.to_owned())) } else { Ok(users) }
}

/// A user whose name and password fit in a command.
///
/// # Errors
///
/// One of them has a line end or a NUL.
pub(crate) fn user(name: &str, password: &str) -> Result<TestUser, NotSendable> {
    if [name, password].iter().any(|text| text.contains(['\r', '\n', '\0'])) {
        return Err(NotSendable);
    }
    Ok(TestUser { name: name.to_owned(), password: password.to_owned() })
}

fn pattern(argument: &str, password: &str) -> Result<Vec<TestUser>, UsersError> {
    let wrong = || UsersError::Pattern(argument.to_owned());
    let (name, range) = argument.rsplit_once(':').ok_or_else(wrong)?;
    let (first, last) = range.split_once('-').ok_or_else(wrong)?;
    let (first, last) =
        (first.parse::<u32>().map_err(|_| wrong())?, last.parse::<u32>().map_err(|_| wrong())?);
    if first > last || last - first >= 1_000_000 {
        return Err(wrong());
    }
    let users = (first..=last).map(|number| user(&name.replace("%d", &number.to_string()), password));
    users.collect::<Result<_, _>>().map_err(UsersError::NotSendable)
}

impl fmt::Display for UsersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, error) => {
                write!(f, "--users {file}: {error}; a pattern would be like 'u%d:0-99'")
            }
            Self::NoName(file, line) => write!(f, "{file}:{line}: a line is `user` or `user:password`"),
            Self::BadLine(file, line, why) => write!(f, "{file}:{line}: {why}"),
            Self::NoUser(file) => write!(f, "--users {file}: the file names no user"),
            Self::Pattern(text) => {
                write!(f, "--users {text}: a pattern is like 'u%d:0-99', first to last number")
            }
            Self::NotSendable(why) => why.fmt(f),
        }
    }
}

impl fmt::Display for NotSendable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or password cannot hold a line end or a NUL")
    }
}

impl std::error::Error for UsersError {}

impl std::error::Error for NotSendable {}

/// Hands out users so that sessions of one user overlap as little as possible, since a maildrop serves one
/// session at a time (RFC 1939, section 4).
#[derive(Debug)]
pub(crate) struct Roster {
    users: Vec<TestUser>,
    queue: Mutex<IdleUsers>,
    /// In drain mode a session always waits for a free user: one permit for each.
    exclusive: Option<Arc<Semaphore>>,
}

#[derive(Debug)]
struct IdleUsers {
    /// Users without a session, the one that has been idle longest first.
    idle: VecDeque<usize>,
    /// The user to share next when all have a session.
    next_shared: usize,
}

/// A user for one session; dropping it gives the user back.
#[derive(Debug)]
pub(crate) struct Turn {
    roster: Arc<Roster>,
    /// The user's number in [`Roster`], from 0.
    pub(crate) index: usize,
    sole: bool,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Roster {
    /// If `exclusive`, no user ever has two sessions at the same time.
    pub(crate) fn new(users: Vec<TestUser>, exclusive: bool) -> Arc<Self> {
        let queue = Mutex::new(IdleUsers { idle: (0..users.len()).collect(), next_shared: 0 });
        let exclusive = exclusive.then(|| Arc::new(Semaphore::new(users.len())));
        Arc::new(Self { users, queue, exclusive })
    }

    /// The user who has been idle the longest. When all are in a session, an exclusive roster waits and
    /// another shares a user.
    pub(crate) async fn take(self: &Arc<Self>) -> Turn {
        let permit = match &self.exclusive {
            // The semaphore is never closed, so this always brings a permit.
            Some(permits) => permits.clone().acquire_owned().await.ok(),
            None => None,
        };
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let (index, sole) = match queue.idle.pop_front() {
            Some(index) => (index, true),
            None => {
                queue.next_shared = (queue.next_shared + 1) % self.users.len();
                (queue.next_shared, false)
            }
        };
        Turn { roster: self.clone(), index, sole, _permit: permit }
    }

    /// The user with this number, for when all sessions are over.
    pub(crate) fn take_user(self: &Arc<Self>, index: usize) -> Turn {
        Turn { roster: self.clone(), index, sole: false, _permit: None }
    }
}

impl Turn {
    pub(crate) fn user(&self) -> &TestUser {
        &self.roster.users[self.index]
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.sole {
            self.roster.queue.lock().unwrap_or_else(PoisonError::into_inner).idle.push_back(self.index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_counts_up() {
        let users = parse("u%d@example.org:8-11", "pw").unwrap();
        let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
        assert_eq!(names, ["u8@example.org", "u9@example.org", "u10@example.org", "u11@example.org"]);
        assert!(users.iter().all(|user| user.password == "pw"));
        for wrong in ["u%d", "u%d:", "u%d:9", "u%d:9-1", "u%d:a-b", "u%d:0-9999999"] {
            assert!(parse(wrong, "pw").unwrap_err().to_string().contains("first to last"), "{wrong}");
        }
    }

    #[test]
    fn a_file_has_users_and_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users");
        let path = file.to_str().unwrap();
        std::fs::write(&file, "# two\nalice:se:cret \nbob\n\n").unwrap();
        assert_eq!(
            parse(path, "pw").unwrap(),
            [user("alice", "se:cret ").unwrap(), user("bob", "pw").unwrap()]
        );
        std::fs::write(&file, "alice\n:x\n").unwrap();
        assert!(parse(path, "pw").unwrap_err().to_string().contains("users:2:"));
        std::fs::write(&file, "# none\n").unwrap();
        assert!(parse(path, "pw").unwrap_err().to_string().contains("names no user"));
        assert!(parse("/nonexistent", "pw").unwrap_err().to_string().contains("pattern"));
    }

    #[test]
    fn a_line_end_cannot_smuggle_a_command() {
        assert!(user("alice\r\nDELE 1", "pw").is_err());
        assert!(user("alice", "pw\nQUIT").is_err());
    }

    fn roster(users: usize, exclusive: bool) -> Arc<Roster> {
        Roster::new((0..users).map(|n| user(&format!("u{n}"), "pw").unwrap()).collect(), exclusive)
    }

    #[tokio::test]
    async fn the_longest_idle_user_is_next() {
        let roster = roster(3, false);
        let (a, b) = (roster.take().await, roster.take().await);
        assert_eq!((a.index, b.index), (0, 1));
        drop(b);
        assert_eq!(roster.take().await.index, 2);
        assert_eq!(roster.take().await.index, 1);
        assert_eq!(a.user().name, "u0");
    }

    #[tokio::test]
    async fn a_shared_user_is_not_given_back_twice() {
        let roster = roster(1, false);
        let sole = roster.take().await;
        drop(roster.take().await);
        assert!(roster.queue.lock().unwrap().idle.is_empty());
        drop(sole);
        assert_eq!(roster.queue.lock().unwrap().idle.len(), 1);
    }

    #[tokio::test]
    async fn an_exclusive_roster_makes_the_second_session_wait() {
        let roster = roster(1, true);
        let first = roster.take().await;
        let second = tokio::spawn({
            let roster = roster.clone();
            async move { roster.take().await.index }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert_eq!(second.await.unwrap(), 0);
    }
}
