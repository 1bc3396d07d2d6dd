//! `mpopdctl check-migration`: will clients recognize their messages after a move from another server?
//!
//! The maildrop is only read: no lock is taken, and nothing is stored. So the check does not disturb a
//! server. Mail that arrives meanwhile may be missing from the list.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use auth::UserName;
use clap::Args;
use config::Config;
use maildrop::{Opener, Settings, UidlComparison, UidlScheme};
use vocabulary::{Location, Storage};

use crate::error::CtlError;

#[derive(Args)]
pub(crate) struct Options {
    /// The user
    user: String,
    /// The former server, as in the setting uidl: dovecot, courier, qmail, a template ...
    #[arg(long, value_name = "SCHEME", value_parser = UidlScheme::parse)]
    from: UidlScheme,
    /// The user's maildrop, an mbox file or a Maildir; required for users that are not in passwd(5)
    #[arg(long, value_name = "PATH")]
    maildrop: Option<PathBuf>,
}

/// Prints the comparison. Succeeds if no message has a new UIDL.
pub(crate) fn run(config: &Path, options: &Options) -> Result<ExitCode, CtlError> {
    let euid = rustix::process::geteuid().as_raw();
    let config = config::load(config, euid).map_err(|faults| faults.to_string())?.config;
    let location = match &options.maildrop {
        Some(path) => {
            become_owner(path)?;
            maildrop::detect(path).map_err(|error| error.to_string())?
        }
        None => {
            let location = location(&config, &options.user)?;
            become_owner(&location.path)?;
            location
        }
    };
    let compared = compare(&config, &location, &options.from)?;
    report(&compared)?;
    Ok(if compared.iter().all(UidlComparison::is_same) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The maildrop of a user of this system.
fn location(config: &Config, name: &str) -> Result<Location, CtlError> {
    let user = UserName::try_from(name.as_bytes()).map_err(|error| format!("user {name:?}: {error}"))?;
    let known = sys::identity::user_by_name(name)
        .map_err(|error| format!("user {user} cannot be looked up: {error}"))?
        .ok_or_else(|| format!("user {user} is not in passwd(5); name the maildrop with --maildrop PATH"))?;
    let place = auth::maildrop_of(config, &user, Some(&known.home))
        .map_err(|error| format!("user {user}: there is no path of the maildrop: {error}"))?;
    let storage = match place.storage {
        Storage::Maildir => Storage::Maildir,
        Storage::Mbox | Storage::Disk | Storage::Ram => Storage::Mbox,
    };
    Ok(Location { storage, path: place.path })
}

/// As root, becomes the owner of the maildrop, so that only files are read that the owner may read.
fn become_owner(path: &Path) -> Result<(), CtlError> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if !sys::identity::is_root() {
        return Ok(());
    }
    let (uid, gid) = (metadata.uid(), metadata.gid());
    if uid == 0 {
        return Err(format!("{shown}: belongs to root, as no maildrop may; chown it to its user").into());
    }
    sys::identity::become_user(uid, gid, None)
        .map_err(|error| format!("{shown}: cannot become its owner: {error}").into())
}

fn compare(config: &Config, location: &Location, from: &UidlScheme) -> Result<Vec<UidlComparison>, CtlError> {
    let settings = Settings {
        max_messages: config.max_messages,
        lock_methods: Vec::new(),
        uidl: UidlScheme::parse(&config.uidl).map_err(|error| format!("uidl: {error}"))?,
        ..Settings::default()
    };
    // With the server's own state folder this call would wait for a session, and write.
    let temporary = |error: io::Error| format!("cannot use a temporary folder: {error}");
    let state = tempfile::tempdir().map_err(temporary)?;
    let folder = File::open(state.path()).map_err(temporary)?;
    let opener = Opener::new(settings, folder.into(), |notice| eprintln!("{notice}")).map_err(temporary)?;
    opener.compare(location, from).map_err(|error| error.to_string().into())
}

fn report(compared: &[UidlComparison]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:>7}  {:<34}  {:<34}", "message", "old UIDL", "new UIDL")?;
    for (number, one) in (1..).zip(compared) {
        // Text of another server must not control the terminal.
        let old = one.old.as_ref().map_or_else(|| "-".to_owned(), |old| old.escape_ascii().to_string());
        let verdict = if one.is_same() { "" } else { "  differs" };
        writeln!(out, "{}", format!("{number:>7}  {old:<34}  {:<34}{verdict}", one.new.as_str()).trim_end())?;
    }
    let different = compared.iter().filter(|one| !one.is_same()).count();
    writeln!(out, "{} messages, {different} with another UIDL than before", compared.len())
}
