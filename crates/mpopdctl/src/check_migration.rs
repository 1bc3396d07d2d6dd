//! `mpopdctl check-migration`: will clients know their messages again after a move from another server?
//!
//! The maildrop is only read: no lock is taken, nothing is remembered. So a check and a server do not hinder each other, and
//! mail that arrives meanwhile is at worst not in the list.

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

#[derive(Args)]
pub(crate) struct Options {
    /// The user
    user: String,
    /// The server that served the mail before, in the words of the setting uidl: dovecot, courier, qmail, a template ...
    #[arg(long, value_name = "SCHEME", value_parser = UidlScheme::parse)]
    from: UidlScheme,
    /// The user's maildrop, an mbox file or a Maildir; needed for users that are not in passwd(5)
    #[arg(long, value_name = "PATH")]
    maildrop: Option<PathBuf>,
}

/// Prints the comparison. Succeeds when no message has another UIDL than before.
pub(crate) fn run(config: &Path, options: &Options) -> Result<ExitCode, String> {
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
    report(&compared).map_err(|error| format!("cannot print: {error}"))?;
    Ok(if compared.iter().all(UidlComparison::is_same) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The maildrop of a user of this system.
fn location(config: &Config, name: &str) -> Result<Location, String> {
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

/// As root, becomes the owner of the maildrop: what that user may not read is not read here either.
fn become_owner(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if !sys::identity::is_root() {
        return Ok(());
    }
    let (uid, gid) = (metadata.uid(), metadata.gid());
    if uid == 0 {
        return Err(format!("{shown}: belongs to root, as no maildrop may; chown it to its user"));
    }
    sys::identity::become_user(uid, gid, None)
        .map_err(|error| format!("{shown}: cannot become its owner: {error}"))
}

fn compare(config: &Config, location: &Location, from: &UidlScheme) -> Result<Vec<UidlComparison>, String> {
    let settings = Settings {
        max_messages: config.max_messages,
        lock_methods: Vec::new(),
        uidl: UidlScheme::parse(&config.uidl).map_err(|error| format!("uidl: {error}"))?,
        ..Settings::default()
    };
    // The server's own state folder would make this call wait for a session, and write.
    let temporary = |error: io::Error| format!("cannot use a temporary folder: {error}");
    let state = tempfile::tempdir().map_err(temporary)?;
    let folder = File::open(state.path()).map_err(temporary)?;
    let opener = Opener::new(settings, folder.into(), |notice| eprintln!("{notice}")).map_err(temporary)?;
    opener.compare(location, from).map_err(|error| error.to_string())
}

fn report(compared: &[UidlComparison]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{:>7}  {:<34}  {:<34}", "message", "old UIDL", "new UIDL")?;
    for (number, one) in (1..).zip(compared) {
        // What another server wrote must not move the cursor of a terminal.
        let old = one.old.as_ref().map_or_else(|| "-".to_owned(), |old| old.escape_ascii().to_string());
        let verdict = if one.is_same() { "" } else { "  differs" };
        writeln!(out, "{}", format!("{number:>7}  {old:<34}  {:<34}{verdict}", one.new.as_str()).trim_end())?;
    }
    let different = compared.iter().filter(|one| !one.is_same()).count();
    writeln!(out, "{} messages, {different} with another UIDL than before", compared.len())
}
