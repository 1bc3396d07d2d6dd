//! Reads and checks the configuration file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use toml::de::DeTable;
use zeroize::Zeroizing;

use crate::check;
use crate::fault::{Fault, Faults};
use crate::reader::ParseFindings;
use crate::table::Config;

/// The largest configuration file, in octets.
pub const MAX_FILE_OCTETS: u64 = 1 << 20;

/// A configuration file without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    file: PathBuf,
    origins: BTreeMap<String, usize>,
}

impl Loaded {
    /// Checks that a server can run with these settings: nothing that a setting requires is missing.
    ///
    /// # Errors
    ///
    /// Every setting that prevents it.
    pub fn check_serving(&self) -> Result<(), Faults> {
        Faults::none_in(check::serving(&self.config, &self.file, &self.origins))
    }

    /// An error of the setting `key`, at its line, that was found later, when the setting was used.
    pub fn fault(&self, key: &str, what: impl Into<String>) -> Fault {
        let line = self.origins.get(key).copied();
        Fault { line, ..Fault::of_file(&self.file, what) }.key(key)
    }
}

/// Reads the configuration file. `euid` is the effective user id of this process, for [`check_permissions`].
///
/// # Errors
///
/// The file cannot be read, is not a regular file, is larger than [`MAX_FILE_OCTETS`], has the wrong
/// permissions, or contains errors: then all that [`parse`] finds.
pub fn load(file: &Path, euid: u32) -> Result<Loaded, Faults> {
    let text = read_bounded(file, euid)?;
    parse(file, &text)
}

/// The files through which a running daemon is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// `mpopd_pid_file`
    pub pid_file: PathBuf,
    /// `control_socket`
    pub control_socket: PathBuf,
}

/// Reads only the settings that are needed to find a running daemon, and ignores errors of the file. A daemon
/// that was started before the error was made must still be found, above all to be stopped.
///
/// # Errors
///
/// The file cannot be read or has the wrong permissions, as for [`load`].
pub fn places(file: &Path, euid: u32) -> Result<Places, Faults> {
    let text = read_bounded(file, euid)?;
    let text = String::from_utf8_lossy(&text);
    let (table, _) = DeTable::parse_recoverable(&text);
    let Config { mpopd_pid_file, control_socket, .. } =
        Config::read(table.into_inner(), &mut ParseFindings::new(file, &text));
    Ok(Places { pid_file: mpopd_pid_file, control_socket })
}

/// Parses the content of a file. `file` appears only in messages.
///
/// # Errors
///
/// Every error of the text: it is not UTF-8 or not TOML, or has unknown settings or invalid values.
pub fn parse(file: &Path, text: &[u8]) -> Result<Loaded, Faults> {
    let text = str::from_utf8(text).map_err(|error| not_utf8(file, text, error.valid_up_to()))?;
    let mut findings = ParseFindings::new(file, text);

    let (table, errors) = DeTable::parse_recoverable(text);
    findings.syntax(&errors);
    let syntax_faults = findings.faults.len();
    let config = Config::read(table.into_inner(), &mut findings);
    findings.forget_after_syntax(syntax_faults);

    let ParseFindings { mut faults, origins, .. } = findings;
    if !faults.is_empty() {
        // Also report settings that prevent a server from starting, except those whose value was not
        // accepted.
        let lines: BTreeSet<_> = faults.iter().map(|fault| fault.line).collect();
        let unusable = check::serving(&config, file, &origins).into_iter();
        faults.extend(unusable.filter(|new| new.line.is_some() && !lines.contains(&new.line)));
    }
    Faults::none_in(faults)?;
    Ok(Loaded { config, file: file.to_owned(), origins })
}

/// Checks that only users who may control this process can write the file.
///
/// # Errors
///
/// Everyone may write it, or this process is root (`euid` 0) and the file belongs to another user.
pub fn check_permissions(file: &Path, metadata: &Metadata, euid: u32) -> Result<(), Fault> {
    let shown = file.display();
    if metadata.mode() & 0o002 != 0 {
        let what = format!(
            "everyone may write this file, mode {:03o}; run: chmod o-w {shown}",
            metadata.mode() & 0o777
        );
        return Err(Fault::of_file(file, what));
    }
    if euid == 0 && metadata.uid() != 0 {
        let what =
            format!("the file belongs to uid {}, not to root; run: chown root {shown}", metadata.uid());
        return Err(Fault::of_file(file, what));
    }
    Ok(())
}

/// The content of the file. It may have passwords, so it is wiped from memory when dropped.
fn read_bounded(file: &Path, euid: u32) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let cannot_read =
        |error: std::io::Error| Fault::of_file(file, format!("cannot read the configuration: {error}"));
    // Checked before opening, since opening a FIFO waits for a writer.
    if !fs::metadata(file).map_err(cannot_read)?.is_file() {
        return Err(Fault::of_file(file, "cannot read the configuration: not a regular file"));
    }
    let opened = File::open(file).map_err(cannot_read)?;
    let metadata = opened.metadata().map_err(cannot_read)?;
    check_permissions(file, &metadata, euid)?;
    // Allocated at once: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(vec![]);
    text.reserve_exact(usize::try_from(metadata.len().min(MAX_FILE_OCTETS)).map_or(0, |octets| octets + 2));
    opened.take(MAX_FILE_OCTETS + 1).read_to_end(&mut text).map_err(cannot_read)?;
    if text.len() as u64 > MAX_FILE_OCTETS {
        let what = format!("the file has more than {MAX_FILE_OCTETS} octets; a configuration is smaller");
        return Err(Fault::of_file(file, what));
    }
    Ok(text)
}

fn not_utf8(file: &Path, text: &[u8], valid_up_to: usize) -> Fault {
    let line = 1 + text.iter().take(valid_up_to).filter(|octet| **octet == b'\n').count();
    Fault::of_line(file, line, "not UTF-8, which TOML must be; save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// The errors in a text, without the file's name.
    fn faults(text: &str) -> Vec<String> {
        match parse(Path::new("f"), text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(|fault| fault.to_string().replacen("f:", "", 1)).collect(),
        }
    }

    #[test]
    fn all_faults_of_a_file_are_told_at_once() {
        let told = faults(concat!(
            "port = 70000\n",
            "prot = 110\n",
            "listen = [\n  \"::\",\n  \"nowhere\",\n]\n",
            "mbox = \"/var/mail/%x\"\n",
            "user_auth = 3\n",
            "storage = \"tape\"\n",
            "[tls]\n",
            "timeout = 5\n",
            "stsl = true\n",
            "[user_storage]\n",
            "\"../x\" = \"mbox\"\n",
            "alice = \"tape\"\n",
        ));
        assert_eq!(
            told,
            [
                "1: port: 70000 is not accepted; use a whole number from 1 to 65535",
                "2: prot: unknown setting; did you mean port?",
                "5: listen: the text \"nowhere\" is not accepted: it is no address; use an IPv4 or IPv6 address",
                "7: mbox: the text \"/var/mail/%x\" is not accepted: %x is unknown: there are %u, %n, %d, %h and %%; \
             use an absolute path, in which %u is the user, %n the local part, %d the domain, %h the home",
                "8: user_auth: this is a table: write [user_auth], and its settings below that",
                "9: storage: the text \"tape\" is not accepted; use \"mbox\", \"disk\", \"ram\" or \"maildir\"",
                "11: tls.timeout: unknown setting; it belongs above the first [table] of the file, not into [tls]",
                "12: tls.stsl: unknown setting; did you mean stls?",
                "14: user_storage.../x: this is no user name: it begins with a dot",
                "15: user_storage.alice: the text \"tape\" is not accepted; use \"mbox\", \"disk\", \"ram\" or \"maildir\"",
            ]
        );
    }

    #[test]
    fn what_is_not_toml_is_told_once_a_line_and_the_rest_is_still_read() {
        let told = faults("port = \ngreeting = \"x\nmax_servers = 0\n");
        let lines: Vec<_> = told.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        assert_eq!(lines, ["1", "2", "3"], "{told:#?}");
        assert_eq!(faults("\n\ntimeout = = 3\n").len(), 1);
        assert!(told[0].contains("not TOML"), "{told:#?}");
        assert_eq!(told[2], "3: max_servers: 0 is not accepted; use a whole number from 1 to 1000000");
    }

    #[test]
    fn a_daemon_is_found_whatever_else_is_wrong_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mpopd.conf");
        let uid = fs::metadata(folder.path()).unwrap().uid();
        fs::write(&file, "port = 0\ncontrol_socket = \"/run/c\"\nprot = = 1\n").unwrap();
        assert!(load(&file, uid).is_err());
        let places = places(&file, uid).unwrap();
        assert_eq!(places.control_socket, Path::new("/run/c"));
        assert_eq!(places.pid_file, Config::default().mpopd_pid_file);
        assert!(super::places(&folder.path().join("none"), uid).is_err());
    }

    #[test]
    fn a_setting_written_twice_is_a_fault() {
        assert_eq!(faults("port = 1\nport = 2\n"), ["2: not TOML: duplicate key"]);
    }

    #[test]
    fn odd_octets_are_faults_of_their_line() {
        let faults = parse(Path::new("f"), b"port = 1\ngreeting = \"\xff\"\n").unwrap_err();
        assert_eq!(faults.to_string(), "f:2: not UTF-8, which TOML must be; save the file as UTF-8");
        assert!(parse(Path::new("f"), b"port = 1\0").is_err());
    }

    #[test]
    fn deep_nesting_and_many_faults_are_survived() {
        assert!(!faults(&format!("listen = {}", "[".repeat(500_000))).is_empty());
        let many: String = (0..50_000).map(|n| format!("x{n} = 1\n")).collect();
        assert_eq!(faults(&many).len(), 50_000);
    }

    #[test]
    fn dotted_keys_are_the_same_as_tables() {
        let loaded = parse(Path::new("f"), b"user_storage.bob = \"maildir\"\n").unwrap();
        assert_eq!(loaded.config.storage_for("bob"), vocabulary::Storage::Maildir);
        assert_eq!(loaded.config.storage_for("alice"), vocabulary::Storage::Mbox);
    }

    #[test]
    fn a_file_that_others_may_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mpopd.conf");
        fs::write(&file, "port = 1\n").unwrap();
        let mine = fs::metadata(&file).unwrap().uid();
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();

        mode(0o644);
        assert_eq!(load(&file, mine).unwrap().config.port, 1);
        mode(0o646);
        let fault = load(&file, mine).unwrap_err().to_string();
        assert!(fault.contains("mode 646; run: chmod o-w /"), "{fault}");
        mode(0o644);
        if std::os::unix::fs::chown(&file, Some(65534), None).is_ok() {
            let fault = load(&file, 0).unwrap_err().to_string();
            assert!(fault.contains("uid 65534, not to root; run: chown root /"), "{fault}");
            assert!(load(&file, 65534).is_ok());
        } else {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "CI runs this as root");
            println!("skipped in part: only root can give a file away");
        }
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let uid = fs::metadata(folder.path()).unwrap().uid();
        let fault = |file: &Path| load(file, uid).unwrap_err().to_string();
        assert!(fault(folder.path()).ends_with("not a regular file"));
        assert!(fault(&folder.path().join("missing")).contains("No such file"));
        let large = folder.path().join("large");
        fs::write(&large, vec![b'#'; usize::try_from(MAX_FILE_OCTETS).unwrap() + 1]).unwrap();
        assert!(fault(&large).contains("more than 1048576 octets"));
    }
}
