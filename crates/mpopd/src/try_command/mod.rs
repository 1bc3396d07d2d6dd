//! `mpopd try`: serves one mailbox for one user, without a configuration and without root.

mod sample;
mod self_signed;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use auth::{Authenticator, OwnerUid, UserName};
use config::Config;
use vocabulary::{AllowPlaintext, Location, LogLevel, Storage};
use zeroize::Zeroizing;

use crate::error::StartError;
use crate::options::TryOptions;
use crate::plan::build::{self, Entrance};
use crate::plan::state_dir;
use crate::supervisor::{self, DaemonResources};
use sample::TempFolder;

/// The user that reads the mail when root runs this and no other user owns the mailbox.
const NOBODY: &str = "nobody";
/// The port for TLS from the start: as far from 995 as 8110 is from 110.
const POP3S_PORT: u16 = 8995;

/// Serves until Ctrl-C. Returns the exit status.
pub(crate) fn run(options: TryOptions) -> Result<i32, StartError> {
    logging::start_to_stderr(LogLevel::Info);
    let folder = TempFolder::new().map_err(StartError::system("no temporary folder"))?;
    let location = match &options.mailbox {
        Some(path) => {
            let path = std::path::absolute(path).map_err(|error| at(path, &error))?;
            maildrop::detect(&path).map_err(|error| StartError::Mailbox(error.to_string()))?
        }
        None => sample::write(folder.path(), unprivileged()?)
            .map(|path| Location { storage: Storage::Mbox, path })
            .map_err(StartError::system("the sample mailbox cannot be written"))?,
    };
    let reader = reader_of(&location)?;
    let password = match &options.password {
        Some(password) => password.clone(),
        None => random_password()?,
    };

    let config = settings(&options, folder.path())?;
    let authenticator = authenticator(&options.user, &password, reader, &location)?;
    let plan = build::build(&config, authenticator, Entrance::Bind, &[], true)?;
    let mut addresses = plan.arrivals.listeners().iter().map(|listener| listener.address);
    let address = addresses.next().unwrap_or(options.listen);
    let kind = match location.storage {
        Storage::Mbox | Storage::Ram | Storage::Disk => "mbox",
        Storage::Maildir => "Maildir",
    };
    let credentials = shell_word(&format!("{}:{password}", options.user));
    let mut banner = format!(
        "mpopd serves {} ({kind}) on {address}\n  user      {}\n  password  {password}\n  \
         try       curl -u {credentials} pop3://{address}/1\n",
        location.path.display(),
        options.user,
    );
    if let (Some(address), [(certificate, _)]) = (addresses.next(), &config.tls.files()[..]) {
        let trusted = shell_word(&certificate.display().to_string());
        banner += &format!("  with TLS  curl --cacert {trusted} -u {credentials} pop3s://{address}/1\n");
    }
    banner += "Ctrl-C ends it.\n";
    // If standard output is closed, nobody wants to read it.
    let _ = std::io::stdout().write_all(banner.as_bytes()).and_then(|()| std::io::stdout().flush());
    drop(addresses);
    supervisor::run(plan, DaemonResources::default())
}

fn settings(options: &TryOptions, folder: &Path) -> Result<Config, StartError> {
    let plain = Config {
        listen: vec![options.listen.ip()],
        port: options.listen.port(),
        // A user who makes it listen elsewhere than on loopback has asked for that.
        allow_plaintext: AllowPlaintext::Always,
        state_dir: state_dir::for_try(),
        auth_processes: 1,
        max_servers: 100,
        user: NOBODY.to_owned(),
        chroot: folder.join("empty"),
        ..Config::default()
    };
    if !options.tls {
        return Ok(plain);
    }
    // Port 0 asks for any free port: then here, too.
    let port = if options.listen.port() == 0 { 0 } else { POP3S_PORT };
    let tls = self_signed::write(folder, options.listen.ip())?;
    Ok(Config { pop3s_port: Some(port), tls, ..plain })
}

/// Lets the one user in, to the one mailbox.
fn authenticator(
    user: &str,
    password: &str,
    (uid, gid): (u32, u32),
    location: &Location,
) -> Result<Authenticator, StartError> {
    let name = UserName::try_from(user.as_bytes())
        .map_err(|error| StartError::Option { option: "--user", problem: format!("{user}: {error}") })?;
    let uid =
        OwnerUid::new(uid).ok_or_else(|| StartError::Mailbox(format!("mail cannot be read as uid {uid}")))?;
    let password = Zeroizing::new(password.as_bytes().to_vec());
    Ok(Authenticator::single(name, password, uid, gid, location.clone()))
}

/// The uid and gid of the user without files of its own, if this process can become that user.
fn unprivileged() -> Result<Option<(u32, u32)>, StartError> {
    if !sys::identity::is_root() {
        return Ok(None);
    }
    match sys::identity::user_by_name(NOBODY) {
        Ok(Some(user)) if user.uid != 0 => Ok(Some((user.uid, user.gid))),
        Ok(_) => Err(StartError::Mailbox(format!(
            "there is no user {NOBODY} to read the mailbox as: run this as another user than root"
        ))),
        Err(error) => Err(StartError::System { doing: "the user nobody cannot be looked up", source: error }),
    }
}

/// The uid and gid that read the mailbox: those of this process, but never root's.
fn reader_of(location: &Location) -> Result<(u32, u32), StartError> {
    let Some(nobody) = unprivileged()? else {
        return Ok((rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
    };
    let path = location.path.as_path();
    let about = std::fs::metadata(path).map_err(|error| at(path, &error))?;
    if about.uid() != 0 {
        return Ok((about.uid(), about.gid()));
    }
    // No maildrop is ever opened as root. A mailbox of root that everyone may read is read as nobody.
    if !readable_by_all(path) {
        return Err(StartError::Mailbox(format!(
            "{}: belongs to root, and mpopd opens no mail as root: run this as another user, or give the mailbox to one \
             (chown -R USER {0})",
            path.display()
        )));
    }
    eprintln!("mpopd: {} belongs to root: it is read as {NOBODY}, and deleting will fail", path.display());
    Ok(nobody)
}

fn readable_by_all(path: &Path) -> bool {
    let mode = |path: &Path| std::fs::metadata(path).map_or(0, |about| about.mode());
    let needed = if path.is_dir() { 0o005 } else { 0o004 };
    let Ok(real) = path.canonicalize() else { return false };
    mode(&real) & needed == needed && real.ancestors().skip(1).all(|above| mode(above) & 0o001 != 0)
}

/// Sixteen letters and digits that are hard to confuse: 80 bits.
fn random_password() -> Result<String, StartError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut octets = [0u8; 16];
    getrandom::fill(&mut octets).map_err(|error| StartError::System {
        doing: "no random numbers for a password",
        source: std::io::Error::other(error),
    })?;
    Ok(octets.iter().map(|octet| char::from(LETTERS[usize::from(octet % 32)])).collect())
}

fn at(path: &Path, error: &std::io::Error) -> StartError {
    StartError::Mailbox(format!("{}: {error}", path.display()))
}

/// Text as one word of a shell command.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_password_is_long_and_different_each_time() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), 16);
        assert_ne!(one, two);
    }

    #[test]
    fn the_curl_line_survives_any_password() {
        assert_eq!(shell_word("try:abc23"), "try:abc23");
        assert_eq!(shell_word("try:it's"), r"'try:it'\''s'");
        assert_eq!(shell_word("a b"), "'a b'");
    }
}
