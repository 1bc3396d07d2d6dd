//! The rights that each role gives up for good before it works: all that its user may do and it does not
//! need.
//!
//! docs/sandbox.md has the reasons, and the tests beside this file try what is left.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use sys::seal::{Calls, Filter, Grant, Place, Rights, Support, confine};

/// The rights that a role keeps.
#[derive(Debug, Clone)]
pub(crate) enum Sandbox<'a> {
    /// The session role: no file by name, no new socket but accepted ones, no process.
    Session,
    /// A maildrop process: these files, and nothing else.
    Maildrop(Vec<Grant<'a>>),
    /// The log role: these files, and sockets with a name in the file system.
    Log(Vec<Grant<'a>>),
    /// Processes that run the system's and the administrator's modules and programs: everything but what
    /// would change the machine or other processes.
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

impl Sandbox<'_> {
    /// Confines this process, as far as the kernel can.
    ///
    /// # Errors
    ///
    /// The kernel can and does not. The role must not work then.
    pub(crate) fn apply(&self) -> io::Result<()> {
        let support = Support::of_this_kernel();
        let (grants, filter) = match self {
            Self::Session => (Some(&[][..]), &SESSION),
            Self::Maildrop(grants) => (Some(&grants[..]), &MAILDROP),
            Self::Log(grants) => (Some(&grants[..]), &LOG),
            Self::Modules => (None, &MODULES),
        };
        if let (Some(grants), 1..) = (grants, support.landlock) {
            confine(grants)?;
        }
        match &**filter {
            Ok(filter) if support.calls => filter.apply(),
            // The library does not know this architecture: then it is as without seccomp.
            _ => Ok(()),
        }
    }

    /// Whether it forbids opening any file that it does not name.
    pub(crate) fn is_narrow(&self) -> bool {
        !matches!(self, Self::Modules)
    }
}

/// Compiles the filters once, in the supervisor, for all roles; logs what this kernel cannot enforce.
pub(crate) fn prepare() {
    for filter in [&SESSION, &MAILDROP, &LOG, &MODULES] {
        if let Err(error) = &**filter {
            return tracing::warn!("the roles are not sandboxed: {error}");
        }
    }
    let support = Support::of_this_kernel();
    if !support.is_full() {
        tracing::warn!("this kernel cannot sandbox the roles completely: it can deny {support}");
    }
}

/// For a maildrop process that works in these folders of mail, and in those that it has from the supervisor.
pub(crate) fn maildrop<'a>(
    mail: impl IntoIterator<Item = PathBuf>,
    ours: impl IntoIterator<Item = BorrowedFd<'a>>,
) -> Sandbox<'a> {
    let granted = |place, rights| Grant { place, rights };
    let mail = mail.into_iter().map(|folder| granted(Place::Path(folder), Rights::Files));
    let ours = ours.into_iter().map(|folder| granted(Place::Open(folder), Rights::FilesAndFolders));
    let read = MAILDROP_READS.iter().map(|file| granted(Place::Path(file.into()), Rights::Read));
    Sandbox::Maildrop(mail.chain(ours).chain(read).collect())
}

/// For the log role: the folder of the log file, since the file may be renamed.
pub(crate) fn log(file: Option<&Path>) -> Sandbox<'static> {
    let real = file.and_then(|file| file.canonicalize().ok());
    let folders = [file, real.as_deref()].into_iter().flatten().filter_map(nearest_folder);
    Sandbox::Log(folders.map(|folder| Grant { place: Place::Path(folder), rights: Rights::Files }).collect())
}

/// The folder of a file, or the nearest one above it that exists.
fn nearest_folder(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned)
}
