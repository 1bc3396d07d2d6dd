//! `mpopdctl import`: converts the configuration of the Perl programs of the same name to the new form.

mod convert;
mod entries;
pub(crate) mod legacy;
mod quotes;
#[cfg(test)]
mod tests;
mod tokens;
mod write;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use config::MAX_FILE_OCTETS;

use crate::error::CtlError;

#[derive(Args)]
pub(crate) struct Options {
    /// The mpopd.conf of mpopd 2.x or of Mail::POP3 3.x
    #[arg(value_name = "OLD.conf")]
    old: PathBuf,
    /// Write to this new file instead of standard output
    #[arg(short = 'o', value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the new file, and reports on stderr how many of its lines somebody must check.
pub(crate) fn run(options: &Options) -> Result<ExitCode, CtlError> {
    let old = &options.old;
    let octets = read(old).map_err(|error| format!("{}: {error}", old.display()))?;
    let imported = legacy::import(old, &octets).map_err(|fault| fault.to_string())?;
    match &options.output {
        Some(new) => create(new, &imported.toml)?,
        None => io::stdout().write_all(imported.toml.as_bytes())?,
    }
    if imported.checks > 0 {
        let (things, need) = if imported.checks == 1 { ("thing", "needs") } else { ("things", "need") };
        eprintln!("{} {things} {need} a person: see the lines with CHECK", imported.checks);
    }
    Ok(ExitCode::SUCCESS)
}

/// The file, up to one octet more than is accepted.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(file)?.take(MAX_FILE_OCTETS + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Never overwrites a file, and creates the new one with mode 600.
fn create(file: &Path, text: &str) -> Result<(), CtlError> {
    let reported = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!("{}: exists already; remove it or name another file", file.display())
        }
        _ => format!("{}: {error}", file.display()),
    };
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(reported)?;
    Ok(new.write_all(text.as_bytes()).map_err(reported)?)
}
