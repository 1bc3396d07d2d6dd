//! Plugins: the administrator's own programs check names and passwords (kind 7).
//!
//! They use the checkpassword interface (cr.yp.to/checkpwd/interface.html): `name NUL password NUL timestamp
//! NUL` on descriptor 3; exit status 0 accepts, 1 refuses, anything else is a temporary failure. A plugin
//! written for mpopd prints what it knows about the account (`plugin_account.rs`). Programs written for other
//! servers work unchanged.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use config::{Config, Fault, check_permissions};
use sys::identity::user_by_name;
use sys::process::ProcessEnd;
use sys::spawn::{Run, run};
use vocabulary::{Location, LoginFailure, Storage};
use zeroize::Zeroizing;

use super::interface::{FoundUser, Passdb, UserQuery};
use super::plugin_account::{PluginAccount, REPORTER};
use crate::decoy::Decoy;
use crate::login_error::LoginError;
use crate::name::UserName;
use crate::userdb::{Owner, OwnerUid, StatedMaildrop};

/// How long the plugin for names may take. Both together stay below the deadline of the auth process.
const NAME_TIME: Duration = Duration::from_secs(8);
/// How long the plugin for passwords may take.
const PASSWORD_TIME: Duration = Duration::from_secs(15);

/// The most octets that a plugin may print: room for two long paths.
const MOST_OUTPUT: usize = 16_384;

/// The most remarks that are kept for the log.
const MOST_REMARKS: usize = 100;

/// The two plugins.
pub(crate) struct Plugins {
    /// If missing, any name may be right.
    name: Option<PathBuf>,
    password: PathBuf,
    name_time: Duration,
    password_time: Duration,
    /// The last user whose name was accepted, and what the plugin for names printed about them.
    named: Option<(UserName, PluginAccount)>,
    remarks: Vec<Fault>,
}

/// What a plugin decides.
enum PluginDecision {
    Accepted(PluginAccount),
    Refused,
}

impl Plugins {
    /// `None` if no plugin for passwords is configured.
    pub(crate) fn new(config: &Config) -> Option<Self> {
        let password = config.password_plugin.clone()?;
        Some(Self {
            name: config.username_plugin.clone(),
            password,
            name_time: NAME_TIME,
            password_time: PASSWORD_TIME,
            named: None,
            remarks: Vec::new(),
        })
    }

    /// Checks that a program exists, is executable, and cannot be changed by others.
    ///
    /// # Errors
    ///
    /// Which of these it violates.
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
        query: &UserQuery<'_>,
        password: &[u8],
    ) -> Result<PluginDecision, LoginError> {
        let temporary = |why: String| {
            LoginError::temporary(format!("user {}: plugin {}: {why}", query.user, program.display()))
        };
        Self::check(program).map_err(|fault| temporary(fault.to_string()))?;
        let peer = query.peer.address().to_string();
        let output = run(&Run {
            program,
            arguments: &REPORTER.map(OsStr::new),
            environment: &[
                ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".as_ref()),
                // As tcpserver(1) sets it; some programs expect it.
                ("PROTO", "TCP".as_ref()),
                ("TCPREMOTEIP", peer.as_ref()),
            ],
            input: &credentials(query.user, password),
            time,
            most_output: MOST_OUTPUT,
        })
        .map_err(|error| temporary(error.to_string()))?;
        if !output.errors.is_empty() && self.remarks.len() < MOST_REMARKS {
            let said = String::from_utf8_lossy(&output.errors);
            let what = format!("the plugin wrote to standard error: {}", said.trim_end().escape_debug());
            self.remarks.push(Fault::of_file(program, what));
        }
        let printed = Zeroizing::new(output.output);
        match output.ending {
            ProcessEnd::Exited(0) => PluginAccount::parse(&printed)
                .map(PluginDecision::Accepted)
                .map_err(|why| temporary(why.to_string())),
            ProcessEnd::Exited(1) => Ok(PluginDecision::Refused),
            ending => Err(temporary(format!("it ended with {ending}"))),
        }
    }
}

impl Passdb for Plugins {
    fn find(&mut self, query: &UserQuery<'_>) -> Result<Option<FoundUser>, LoginError> {
        self.named = None;
        if let Some(program) = self.name.clone() {
            match self.judge(&program, self.name_time, query, b"")? {
                PluginDecision::Accepted(answer) => self.named = Some((query.user.clone(), answer)),
                PluginDecision::Refused => return Ok(None),
            }
        }
        Ok(Some(FoundUser::Ask))
    }

    fn ask(&mut self, query: &UserQuery<'_>, password: &[u8]) -> Result<Owner, LoginError> {
        let earlier = self.named.take().filter(|(user, _)| user == query.user).map(|(_, answer)| answer);
        // The interface cannot pass a NUL.
        if password.contains(&0) {
            return Err(LoginFailure::Password.into());
        }
        let program = self.password.clone();
        match self.judge(&program, self.password_time, query, password)? {
            PluginDecision::Accepted(answer) => owner(query.user, answer.or(earlier.unwrap_or_default())),
            PluginDecision::Refused => Err(LoginFailure::Password.into()),
        }
    }

    fn decoys(&mut self, _: &UserQuery<'_>) -> Vec<Decoy> {
        vec![Decoy { users: 1, secret: None }]
    }

    fn take_remarks(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.remarks)
    }
}

fn credentials(user: &UserName, password: &[u8]) -> Zeroizing<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    let name = user.as_str().as_bytes();
    // Allocated in full at the start: a vector that grows leaves copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(name.len() + password.len() + now.len() + 3));
    for field in [name, password, now.as_bytes()] {
        octets.extend_from_slice(field);
        octets.push(0);
    }
    octets
}

/// The owner. What the plugin left out is taken from the system user of the same name.
fn owner(user: &UserName, answer: PluginAccount) -> Result<Owner, LoginError> {
    let temporary = |why: &dyn std::fmt::Display| LoginError::temporary(format!("user {user}: {why}"));
    let mail = match (answer.mbox, answer.maildir) {
        (Some(path), _) => StatedMaildrop::At(Location { storage: Storage::Mbox, path }),
        (None, Some(path)) => StatedMaildrop::At(Location { storage: Storage::Maildir, path }),
        (None, None) => StatedMaildrop::BySettings,
    };
    let (uid, gid, home) = match answer.uid {
        Some(uid) => (uid, answer.gid, answer.home),
        None => {
            let system = user_by_name(user.as_str()).map_err(|error| temporary(&error))?;
            let system = system.ok_or_else(|| {
                temporary(&"the plugin told no uid, and there is no system user of that name")
            })?;
            let uid = OwnerUid::new(system.uid).ok_or(LoginFailure::Disabled)?;
            (uid, answer.gid.or(Some(system.gid)), answer.home.or(Some(system.home)))
        }
    };
    Ok(Owner { user: user.clone(), uid, gid, own_uid: answer.uid.is_none(), home, mail })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Peer;
    use crate::login_tests::alone;
    use config::AuthType;
    use std::fs::Permissions;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;
    use std::sync::MutexGuard;

    struct Scene {
        folder: tempfile::TempDir,
        _alone: MutexGuard<'static, ()>,
    }

    impl Scene {
        fn new() -> Self {
            Self { _alone: alone(), folder: tempfile::tempdir().unwrap() }
        }

        fn program(&self, name: &str, text: &str) -> PathBuf {
            let path = self.folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            path
        }

        /// The result of a login with this shell script as the password plugin.
        fn ask(&self, script: &str) -> (Result<Owner, LoginError>, Vec<Fault>) {
            let program = self.program("password", &format!("#!/bin/sh\n{script}\n"));
            login(&Config { password_plugin: Some(program), ..Config::default() }, "alice", b"se cret")
        }
    }

    fn login(config: &Config, user: &str, password: &[u8]) -> (Result<Owner, LoginError>, Vec<Fault>) {
        let mut plugins = Plugins::new(config).unwrap();
        plugins.password_time = Duration::from_secs(3);
        let user = UserName::try_from(user.as_bytes()).unwrap();
        let peer = Peer::new("192.0.2.1".parse().unwrap(), |_| Ok(None));
        let query = UserQuery { user: &user, peer: &peer, kind: AuthType::Plugin };
        let verdict = match plugins.find(&query) {
            Ok(Some(FoundUser::Ask)) => plugins.ask(&query, password),
            Ok(_) => Err(LoginFailure::UnknownUser.into()),
            Err(refusal) => Err(refusal),
        };
        (verdict, plugins.take_remarks())
    }

    fn is_root() -> bool {
        if !sys::identity::is_root() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI runs this as root");
            println!("skipped: only root can become another user");
        }
        sys::identity::is_root()
    }

    #[test]
    fn a_plugin_gets_the_login_and_nothing_else() {
        let scene = Scene::new();
        let script = "given=$(tr '\\0' : <&3)\nexpr \"$given\" : 'alice:se cret:[0-9]*:$' >/dev/null || exit 1\n\
                      [ \"$TCPREMOTEIP$(pwd)$(cat)\" = 192.0.2.1/ ] || exit 1\necho uid=7004; echo gid=7005; echo home=/h";
        let owner = scene.ask(script).0.unwrap();
        assert_eq!((owner.uid.get(), owner.gid, owner.home), (7004, Some(7005), Some("/h".into())));
        assert_eq!(owner.mail, StatedMaildrop::BySettings);
    }

    #[test]
    fn each_failure_is_temporary_and_told() {
        let scene = Scene::new();
        for (script, why) in [
            ("sleep 1000", "it took too long and was killed"),
            ("kill -SEGV $$", "it ended with signal 11"),
            ("exit 111", "it ended with exit status 111"),
            ("exit 2", "it ended with exit status 2"),
            ("yes", "it wrote too much and was killed"),
            ("yes >&2", "it wrote too much and was killed"),
            ("echo hello", "it printed a line that is none of"),
            ("echo uid=0", "root owns no maildrop"),
            ("echo mbox=../../etc/shadow", "one of its paths is not an absolute path"),
            ("exit 0", "told no uid, and there is no system user"),
        ] {
            let refusal = scene.ask(script).0.unwrap_err();
            assert_eq!(refusal.failure().word(), "temporary", "{script}");
            let told = refusal.to_string();
            assert!(told.contains("user alice: ") && told.contains(why), "{script}: {told}");
            assert!(!told.contains("se cret"));
        }
        let missing = Config { password_plugin: Some("/nonexistent/plugin".into()), ..Config::default() };
        let told = login(&missing, "alice", b"x").0.unwrap_err().to_string();
        assert!(told.contains("cannot use the plugin: No such file"), "{told}");
        let path = scene.program("writable", "#!/bin/sh\necho uid=7004\n");
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        let told =
            login(&Config { password_plugin: Some(path), ..Config::default() }, "a", b"x").0.unwrap_err();
        assert!(told.to_string().contains("chmod o-w"), "{told}");
    }

    #[test]
    fn what_it_says_to_standard_error_is_for_the_log() {
        let (verdict, remarks) = Scene::new().ask("printf 'no\\033[1m database\\n' >&2; exit 1");
        assert_eq!(verdict, Err(LoginFailure::Password.into()));
        let told = remarks[0].to_string();
        assert!(told.ends_with(r"the plugin wrote to standard error: no\u{1b}[1m database"), "{told}");
    }

    #[test]
    fn a_refused_name_asks_for_no_password_and_an_accepted_one_may_tell_the_account() {
        let scene = Scene::new();
        let name = "#!/bin/sh\n[ \"$(tr '\\0' : <&3 | cut -d: -f1,2)\" = alice: ] || exit 1\necho uid=7004\necho maildir=/m\n";
        let config = Config {
            username_plugin: Some(scene.program("name", name)),
            password_plugin: Some(scene.program("password", "#!/bin/sh\necho gid=8\necho mbox=/b\n")),
            ..Config::default()
        };
        let owner = login(&config, "alice", b"x").0.unwrap();
        assert_eq!((owner.uid.get(), owner.gid), (7004, Some(8)));
        assert_eq!(owner.mail, StatedMaildrop::At(Location { storage: Storage::Mbox, path: "/b".into() }));
        assert_eq!(login(&config, "bob", b"x").0, Err(LoginFailure::UnknownUser.into()));
        assert_eq!(login(&config, "alice", b"x\0").0, Err(LoginFailure::Password.into()));
    }

    /// Does what checkpassword itself does: becomes the user, sets HOME and other variables, and runs the
    /// program in its arguments.
    #[test]
    fn a_program_that_speaks_checkpassword_works_as_it_is() {
        if !is_root() {
            return;
        }
        let owner = Scene::new().ask(
            "[ \"$(tr '\\0' : <&3 | cut -d: -f1,2)\" = 'alice:se cret' ] || exit 1\n\
             export USER=alice HOME=/home/al=ice SHELL=/bin/sh\n\
             exec setpriv --reuid 7004 --regid 7005 --clear-groups -- \"$@\"",
        );
        let owner = owner.0.unwrap();
        assert_eq!((owner.uid.get(), owner.gid, owner.home), (7004, Some(7005), Some("/home/al=ice".into())));
    }

    #[test]
    fn one_that_forgets_to_become_the_user_lets_nobody_in_as_root() {
        if is_root() {
            let refusal = Scene::new().ask("HOME=/root exec \"$@\"").0.unwrap_err();
            assert!(refusal.to_string().contains("root owns no maildrop"), "{refusal}");
        }
    }

    #[test]
    fn the_samples_work() {
        if !is_root() {
            return;
        }
        let scene = Scene::new();
        let sample = |name: &str| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/plugins").join(name);
            fs::read_to_string(path).unwrap()
        };
        let mail = scene.folder.path().join("mail");
        let maildir = mail.join("al ice");
        fs::create_dir_all(&maildir).unwrap();
        std::os::unix::fs::chown(&maildir, Some(7004), Some(7005)).unwrap();
        let name = sample("name-from-folder").replace("/srv/mail", mail.to_str().unwrap());

        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let password = sample("password-at-other-server")
            .replace("pop.example.org", "127.0.0.1")
            .replace("PORT = 995", &format!("PORT = {port}"))
            .replace("TLS = True", "TLS = False");
        let other_server = std::thread::spawn(move || {
            for _ in 0..3 {
                let mut client = server.accept().unwrap().0;
                client.write_all(b"+OK\r\n").unwrap();
                for line in BufReader::new(client.try_clone().unwrap()).lines() {
                    let answer = match line.unwrap().as_str() {
                        "USER al ice" | "PASS se cret" => "+OK\r\n",
                        "PASS later" => "-ERR [SYS/TEMP] later\r\n",
                        _ => "-ERR no\r\n",
                    };
                    client.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let config = Config {
            username_plugin: Some(scene.program("name", &name)),
            password_plugin: Some(scene.program("password", &password)),
            ..Config::default()
        };
        let (verdict, remarks) = login(&config, "al ice", b"se cret");
        let owner = verdict.unwrap_or_else(|refusal| panic!("{refusal}: {remarks:?}"));
        assert_eq!((owner.uid.get(), owner.gid), (7004, Some(7005)));
        assert_eq!(owner.mail, StatedMaildrop::At(Location { storage: Storage::Maildir, path: maildir }));
        assert_eq!(login(&config, "al ice", b"wrong").0, Err(LoginFailure::Password.into()));
        assert_eq!(login(&config, "al ice", b"later").0.unwrap_err().failure().word(), "temporary");
        assert_eq!(login(&config, "al ice", b"x\r\nDELE 1").0, Err(LoginFailure::Password.into()));
        assert_eq!(login(&config, "bob", b"se cret").0, Err(LoginFailure::UnknownUser.into()));
        other_server.join().unwrap();
        assert_eq!(
            login(&config, "al ice", b"se cret").0.unwrap_err().failure().word(),
            "temporary",
            "the other server no longer listens"
        );
    }
}
