//! Plugins: the administrator's own programs judge names and passwords (kind 7).
//!
//! They speak the checkpassword interface (cr.yp.to/checkpwd/interface.html): `name NUL password NUL timestamp NUL` on
//! descriptor 3; exit status 0 accepts, 1 refuses, anything else means "not now". A plugin of our own prints what it knows of the
//! account (`answer.rs`). Programs written for other servers work as they are.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::{Config, Fault, Storage, check_permissions};
use sys::identity::user_by_name;
use sys::process::Ending;
use sys::spawn::{Run, run};
use zeroize::Zeroizing;

use super::answer::{Answer, REPORTER};
use super::{Decoy, Found, Passdb, Query};
use crate::name::UserName;
use crate::refusal::Refusal;
use crate::userdb::{Location, Mail, Owner, OwnerUid};

/// How long the plugins may take for a login: both together stay below the deadline of the auth process.
const NAME_TIME: Duration = Duration::from_secs(8);
const PASSWORD_TIME: Duration = Duration::from_secs(15);

/// The most octets that a plugin may print: two long paths and room.
const MOST_OUTPUT: usize = 16_384;

/// The most remarks that are kept for the log.
const MOST_REMARKS: usize = 100;

/// The two plugins.
pub(crate) struct Plugins {
    /// Without one, any name may be right.
    name: Option<PathBuf>,
    password: PathBuf,
    /// What the name's plugin said of the user it was asked for last.
    said: Option<(UserName, Answer)>,
    remarks: Vec<Fault>,
}

/// What a plugin decides.
enum Verdict {
    Accepted(Answer),
    Refused,
}

impl Plugins {
    /// `None`: there is no plugin for passwords.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let password = config.password_plugin.clone()?;
        Some(Self { name: config.username_plugin.clone(), password, said: None, remarks: Vec::new() })
    }

    /// Checks that a program is there, may be run, and is nobody else's to change.
    ///
    /// # Errors
    /// It is not so.
    pub(crate) fn check(program: &Path) -> Result<(), Fault> {
        let fault = |what: String| Fault::of_file(program, what);
        let metadata =
            fs::metadata(program).map_err(|error| fault(format!("cannot use the plugin: {error}")))?;
        if !metadata.is_file() || metadata.mode() & 0o111 == 0 {
            let shown = program.display();
            return Err(fault(format!("the plugin is no executable file; run: chmod +x {shown}")));
        }
        const NOT_ROOT: u32 = u32::MAX;
        check_permissions(program, &metadata, if sys::identity::is_root() { 0 } else { NOT_ROOT })
    }

    fn judge(
        &mut self,
        program: &Path,
        time: Duration,
        query: &Query<'_>,
        password: &[u8],
    ) -> Result<Verdict, Refusal> {
        let temporary = |why: String| {
            Refusal::Temporary(format!("user {}: plugin {}: {why}", query.user, program.display()))
        };
        Self::check(program).map_err(|fault| temporary(fault.to_string()))?;
        let peer = query.peer.address().to_string();
        let answer = run(&Run {
            program,
            arguments: &REPORTER.map(OsStr::new),
            environment: &[
                ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".as_ref()),
                // As tcpserver(1) tells it; some programs want to know.
                ("PROTO", "TCP".as_ref()),
                ("TCPREMOTEIP", peer.as_ref()),
            ],
            input: &credentials(query.user, password),
            time,
            most_output: MOST_OUTPUT,
        })
        .map_err(|error| temporary(error.to_string()))?;
        if !answer.errors.is_empty() && self.remarks.len() < MOST_REMARKS {
            let said = String::from_utf8_lossy(&answer.errors);
            let what = format!("the plugin wrote to standard error: {}", said.trim_end().escape_debug());
            self.remarks.push(Fault::of_file(program, what));
        }
        let output = Zeroizing::new(answer.output);
        match answer.ending {
            Ending::Exited(0) => {
                Answer::parse(&output).map(Verdict::Accepted).map_err(|why| temporary(why.to_string()))
            }
            Ending::Exited(1) => Ok(Verdict::Refused),
            ending => Err(temporary(format!("it ended with {ending}"))),
        }
    }
}

impl Passdb for Plugins {
    fn find(&mut self, query: &Query<'_>) -> Result<Option<Found>, Refusal> {
        self.said = None;
        if let Some(program) = self.name.clone() {
            match self.judge(&program, NAME_TIME, query, b"")? {
                Verdict::Accepted(answer) => self.said = Some((query.user.clone(), answer)),
                Verdict::Refused => return Ok(None),
            }
        }
        Ok(Some(Found::Ask))
    }

    fn ask(&mut self, query: &Query<'_>, password: &[u8]) -> Result<Owner, Refusal> {
        let earlier = self.said.take().filter(|(user, _)| user == query.user).map(|(_, answer)| answer);
        // The interface has no way to say a NUL.
        if password.contains(&0) {
            return Err(Refusal::Password);
        }
        let program = self.password.clone();
        match self.judge(&program, PASSWORD_TIME, query, password)? {
            Verdict::Accepted(answer) => owner(query.user, answer.or(earlier.unwrap_or_default())),
            Verdict::Refused => Err(Refusal::Password),
        }
    }

    fn decoys(&mut self, _: &Query<'_>) -> Vec<Decoy> {
        vec![Decoy { users: 1, secret: None }]
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.remarks)
    }
}

fn credentials(user: &UserName, password: &[u8]) -> Zeroizing<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    let name = user.as_str().as_bytes();
    // Of the right size at once: a vector that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(name.len() + password.len() + now.len() + 3));
    for field in [name, password, now.as_bytes()] {
        octets.extend_from_slice(field);
        octets.push(0);
    }
    octets
}

/// What the plugin left out is that of the system user of the same name.
fn owner(user: &UserName, answer: Answer) -> Result<Owner, Refusal> {
    let temporary = |why: &dyn std::fmt::Display| Refusal::Temporary(format!("user {user}: {why}"));
    let mail = match (answer.mbox, answer.maildir) {
        (Some(path), _) => Mail::At(Location { storage: Storage::Mbox, path }),
        (None, Some(path)) => Mail::At(Location { storage: Storage::Maildir, path }),
        (None, None) => Mail::BySettings,
    };
    let (uid, gid, home) = match answer.uid {
        Some(uid) => (uid, answer.gid, answer.home),
        None => {
            let system = user_by_name(user.as_str()).map_err(|error| temporary(&error))?;
            let system = system.ok_or_else(|| {
                temporary(&"the plugin told no uid, and there is no system user of that name")
            })?;
            let uid = OwnerUid::new(system.uid).ok_or(Refusal::Disabled)?;
            (uid, answer.gid.or(Some(system.gid)), answer.home.or(Some(system.home)))
        }
    };
    Ok(Owner { user: user.clone(), uid, gid, home, mail })
}
