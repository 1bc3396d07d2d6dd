//! What each role gives up for good before it works: the rest of what it could do with its user's rights.
//!
//! See ARCHITECTURE.md for the reasons, and the tests below for what that comes to.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sys::seal::{Calls, Filter, Grant, Place, Rights, Support, confine};

/// How a role is sealed.
#[derive(Debug, Clone)]
pub(crate) enum Seal<'a> {
    /// The session role: no file, no socket but those that it has, no process.
    Session,
    /// A maildrop process: these files, and nothing else.
    Maildrop(Vec<Grant<'a>>),
    /// The log role: these files, and sockets with a name in the file system.
    Log(Vec<Grant<'a>>),
    /// What runs the system's and the administrator's modules and programs: all but what would change the machine or other processes.
    Modules,
}

/// Files that the libraries of a maildrop process read; everyone may.
const MAILDROP_READS: &[&str] = &["/proc/sys/kernel/random/boot_id"];

type Compiled = LazyLock<io::Result<Filter>>;

static SESSION: Compiled =
    LazyLock::new(|| Filter::only(&[Calls::Basics, Calls::Events, Calls::Connections]));
static MAILDROP: Compiled = LazyLock::new(|| Filter::only(&[Calls::Basics, Calls::Files, Calls::Group]));
static LOG: Compiled = LazyLock::new(|| Filter::only(&[Calls::Basics, Calls::Files, Calls::LocalSockets]));
static MODULES: Compiled = LazyLock::new(Filter::all_but_the_machines);

impl Seal<'_> {
    /// Takes it on, as far as the kernel can see to it.
    ///
    /// # Errors
    ///
    /// The kernel can and does not. The role must not work then.
    pub(crate) fn apply(&self) -> io::Result<()> {
        let support = Support::of_this_kernel();
        let (grants, filter) = match self {
            Seal::Session => (Some(&[][..]), &SESSION),
            Seal::Maildrop(grants) => (Some(&grants[..]), &MAILDROP),
            Seal::Log(grants) => (Some(&grants[..]), &LOG),
            Seal::Modules => (None, &MODULES),
        };
        if let (Some(grants), 1..) = (grants, support.landlock) {
            confine(grants)?;
        }
        match &**filter {
            Ok(filter) if support.calls => filter.apply(),
            // Then no architecture's name is known to the library: as without seccomp.
            _ => Ok(()),
        }
    }

    /// Whether it forbids to open files but those that it names.
    pub(crate) fn is_narrow(&self) -> bool {
        !matches!(self, Seal::Modules)
    }
}

/// Does once, in the supervisor, what is the same for all roles; says what this kernel cannot do.
pub(crate) fn prepare() {
    for filter in [&SESSION, &MAILDROP, &LOG, &MODULES] {
        if let Err(error) = &**filter {
            return tracing::warn!("the roles are not sealed: {error}");
        }
    }
    let support = Support::of_this_kernel();
    if !support.is_full() {
        tracing::warn!("this kernel does not seal the roles wholly: it can deny {support}");
    }
}

/// A maildrop process that works in these folders of mail, and in those that it has from the supervisor.
pub(crate) fn maildrop<'a>(
    mail: impl IntoIterator<Item = PathBuf>,
    ours: impl IntoIterator<Item = BorrowedFd<'a>>,
) -> Seal<'a> {
    let granted = |place, rights| Grant { place, rights };
    let mail = mail.into_iter().map(|folder| granted(Place::Path(folder), Rights::Files));
    let ours = ours.into_iter().map(|folder| granted(Place::Open(folder), Rights::FilesAndFolders));
    let read = MAILDROP_READS.iter().map(|file| granted(Place::Path(file.into()), Rights::Read));
    Seal::Maildrop(mail.chain(ours).chain(read).collect())
}

/// The folder of the log file, for the day when that is renamed.
pub(crate) fn log(file: Option<&Path>) -> Seal<'static> {
    let real = file.and_then(|file| file.canonicalize().ok());
    let folders = [file, real.as_deref()].into_iter().flatten().filter_map(there);
    Seal::Log(folders.map(|folder| Grant { place: Place::Path(folder), rights: Rights::Files }).collect())
}

/// The folder of a file, or what there is of the way to it.
fn there(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned)
}

#[cfg(test)]
mod tests;
