//! What may be on a disk after the machine stopped, according to POSIX and to what ext4 makes of it.
//!
//! Each block of a file may hold what it held at any moment since the file was last synced, independently of
//! the other blocks, and so may the file's length. If a file is cut within a block, the kernel zeroes the
//! rest of that block, and those zeros may be there without the new length. Each change to a directory since
//! it was last synced may or may not have been made. A rename is one change, and says nothing about the
//! file's contents.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use maildrop::{Disk, Kernel};
use rustix::fs::AtFlags;

/// A file or a directory.
pub(crate) type Inode = u64;

/// One operation that changed something, or made it durable.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Write { file: Inode, bytes: Vec<u8>, offset: u64 },
    Extend { file: Inode, length: u64 },
    Truncate { file: Inode, length: u64 },
    Sync { what: Inode },
    Name { dir: Inode, name: PathBuf, file: Inode },
    Rename { dir: Inode, from: PathBuf, to: PathBuf, file: Inode },
    Unlink { dir: Inode, name: PathBuf },
}

/// Something that another process does.
type Event = Box<dyn Fn() -> Vec<Op> + Send + Sync>;

/// Does what the kernel does, and records it.
#[derive(Default)]
pub(crate) struct Recorder {
    log: Mutex<Vec<Op>>,
    /// Files that were made are kept open, so that no other file gets their inode.
    held: Mutex<Vec<File>>,
    /// Another event that happens right before the operation with this number.
    meanwhile: Option<(usize, Event)>,
}

impl Recorder {
    pub(crate) fn with_event(at: usize, event: impl Fn() -> Vec<Op> + Send + Sync + 'static) -> Self {
        Self { meanwhile: Some((at, Box::new(event))), ..Self::default() }
    }

    /// What was done so far.
    pub(crate) fn log(&self) -> Vec<Op> {
        self.log.lock().unwrap().clone()
    }

    /// Records what others did.
    pub(crate) fn add(&self, ops: Vec<Op>) {
        self.log.lock().unwrap().extend(ops);
    }

    fn done(&self, op: Op) {
        self.log.lock().unwrap().push(op);
    }

    fn before(&self) {
        if let Some((at, event)) = &self.meanwhile
            && self.log.lock().unwrap().len() == *at
        {
            let ops = event();
            self.add(ops);
        }
    }
}

/// The directory that contains a name, and the last part of the name.
fn resolve(dir: BorrowedFd<'_>, name: &Path) -> (Inode, PathBuf) {
    let parent = name.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stat = rustix::fs::statat(dir, parent, AtFlags::empty()).unwrap();
    (stat.st_ino, name.file_name().unwrap().into())
}

fn inode_at(dir: BorrowedFd<'_>, name: &Path) -> Inode {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |stat| stat.st_ino)
}

fn inode(file: &File) -> Inode {
    file.metadata().unwrap().ino()
}

impl Disk for Recorder {
    fn create(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<File> {
        self.before();
        let made = Kernel.create(dir, name)?;
        self.held.lock().unwrap().push(made.try_clone()?);
        let (dir, name) = resolve(dir, name);
        self.done(Op::Name { dir, name, file: inode(&made) });
        Ok(made)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.before();
        let written = Kernel.write_at(file, bytes, offset)?;
        self.done(Op::Write { file: inode(file), bytes: bytes[..written].to_vec(), offset });
        Ok(written)
    }

    fn extend(&self, file: &File, length: u64) -> io::Result<()> {
        self.before();
        let before = file.metadata()?.len();
        Kernel.extend(file, length)?;
        if before < length {
            self.done(Op::Extend { file: inode(file), length });
        }
        Ok(())
    }

    fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        self.before();
        Kernel.truncate(file, length)?;
        self.done(Op::Truncate { file: inode(file), length });
        Ok(())
    }

    /// The model decides what is durable.
    fn sync(&self, file: &File) -> io::Result<()> {
        self.before();
        self.done(Op::Sync { what: inode(file) });
        Ok(())
    }

    fn link(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        self.before();
        Kernel.link(dir, from, to)?;
        let file = inode_at(dir, to);
        let (dir, name) = resolve(dir, to);
        self.done(Op::Name { dir, name, file });
        Ok(())
    }

    fn rename(&self, dir: BorrowedFd<'_>, from: &Path, to: &Path) -> io::Result<()> {
        self.before();
        let file = inode_at(dir, from);
        Kernel.rename(dir, from, to)?;
        let (of, from) = resolve(dir, from);
        let (to_dir, to) = resolve(dir, to);
        assert_eq!(of, to_dir, "renames only work within one directory");
        self.done(Op::Rename { dir: of, from, to, file });
        Ok(())
    }

    fn unlink(&self, dir: BorrowedFd<'_>, name: &Path) -> io::Result<()> {
        self.before();
        Kernel.unlink(dir, name)?;
        let (dir, name) = resolve(dir, name);
        self.done(Op::Unlink { dir, name });
        Ok(())
    }

    fn touch(&self, file: &File, modified: bool) -> io::Result<()> {
        Kernel.touch(file, modified)
    }
}

/// The contents of some files and directories.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) files: BTreeMap<Inode, Vec<u8>>,
    pub(crate) dirs: BTreeMap<Inode, BTreeMap<PathBuf, Inode>>,
}

impl Image {
    /// What is there now: these files, and these directories with all files in them.
    pub(crate) fn of(files: &[&Path], dirs: &[&Path]) -> Self {
        let mut image = Self::default();
        let mut add = |path: &Path| {
            let inode = fs::symlink_metadata(path).unwrap().ino();
            image.files.insert(inode, fs::read(path).unwrap());
            inode
        };
        for file in files {
            add(file);
        }
        for dir in dirs {
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            let names = entries.map(|path| (path.file_name().unwrap().into(), add(&path))).collect();
            image.dirs.insert(fs::metadata(dir).unwrap().ino(), names);
        }
        image
    }

    /// Differs for images that differ.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut add = |octets: &[u8]| {
            hasher.update(&octets.len().to_le_bytes());
            hasher.update(octets);
        };
        for (file, octets) in &self.files {
            add(&file.to_le_bytes());
            add(octets);
        }
        for (dir, names) in &self.dirs {
            add(&dir.to_le_bytes());
            for (name, file) in names {
                add(name.as_os_str().as_bytes());
                add(&file.to_le_bytes());
            }
        }
        *hasher.finalize().as_bytes()
    }

    /// What the directory at `dir` holds.
    pub(crate) fn names(&self, dir: &Path) -> &BTreeMap<PathBuf, Inode> {
        &self.dirs[&fs::metadata(dir).unwrap().ino()]
    }

    /// Makes the directory at `dir` hold what it holds here.
    pub(crate) fn restore_dir(&self, dir: &Path) {
        for entry in fs::read_dir(dir).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (name, file) in self.names(dir) {
            fs::write(dir.join(name), self.files.get(file).map_or(&[][..], Vec::as_slice)).unwrap();
        }
    }
}

/// Something that may have several values after a crash.
#[derive(Debug, Clone)]
enum Axis {
    /// Which version of a file a block is from.
    Block { file: Inode, number: usize, versions: Vec<usize> },
    /// Which version of a file its length is from.
    Length { file: Inode, versions: Vec<usize> },
    /// Whether a change of a directory was made.
    Change { dir: Inode, number: usize },
}

impl Axis {
    fn options(&self) -> usize {
        match self {
            Self::Block { versions, .. } | Self::Length { versions, .. } => versions.len(),
            Self::Change { .. } => 2,
        }
    }
}

/// Everything that may be on the disk when the machine stops after some operations.
pub(crate) struct Crash {
    /// What each file was after each change since it was last synced.
    versions: HashMap<Inode, Vec<Vec<u8>>>,
    /// Each directory when it was last synced, and the changes since.
    dirs: HashMap<Inode, (BTreeMap<PathBuf, Inode>, Vec<Op>)>,
    axes: Vec<Axis>,
    block: usize,
}

impl Crash {
    /// The state after `log`, which began with all of `durable` on the disk. Blocks have `block` octets.
    pub(crate) fn after(durable: &Image, log: &[Op], block: usize) -> Self {
        let mut versions: HashMap<Inode, Vec<Vec<u8>>> =
            durable.files.iter().map(|(inode, octets)| (*inode, vec![octets.clone()])).collect();
        let mut dirs: HashMap<Inode, (BTreeMap<PathBuf, Inode>, Vec<Op>)> =
            durable.dirs.iter().map(|(inode, names)| (*inode, (names.clone(), Vec::new()))).collect();
        for op in log {
            match op {
                Op::Write { file, bytes, offset } => {
                    let history = versions.entry(*file).or_insert_with(|| vec![Vec::new()]);
                    let mut now = history.last().unwrap().clone();
                    let from = usize::try_from(*offset).unwrap();
                    let until = from + bytes.len();
                    now.resize(now.len().max(until), 0);
                    now[from..until].copy_from_slice(bytes);
                    history.push(now);
                }
                Op::Extend { file, length } | Op::Truncate { file, length } => {
                    let history = versions.get_mut(file).unwrap();
                    let mut now = history.last().unwrap().clone();
                    now.resize(usize::try_from(*length).unwrap(), 0);
                    history.push(now);
                }
                Op::Sync { what } => {
                    if let Some(history) = versions.get_mut(what) {
                        history.drain(..history.len() - 1);
                    }
                    if let Some((names, changes)) = dirs.get_mut(what) {
                        changes.drain(..).for_each(|change| apply(names, &change));
                    }
                }
                Op::Name { dir, file, .. } => {
                    versions.entry(*file).or_insert_with(|| vec![Vec::new()]);
                    dirs.get_mut(dir).unwrap().1.push(op.clone());
                }
                Op::Rename { dir, .. } | Op::Unlink { dir, .. } => {
                    dirs.get_mut(dir).unwrap().1.push(op.clone());
                }
            }
        }
        let mut crash = Self { versions, dirs, axes: Vec::new(), block };
        crash.find_axes();
        crash
    }

    fn find_axes(&mut self) {
        let mut axes = Vec::new();
        for (&file, history) in &self.versions {
            let longest = history.iter().map(Vec::len).max().unwrap_or(0);
            for number in 0..longest.div_ceil(self.block) {
                // A block that a cut has freed is not written any more; a block that was added may not have
                // been written yet.
                let start = number * self.block;
                let last = history.iter().rposition(|version| version.len() > start).unwrap_or(0);
                let written = history.iter().take(last + 1);
                let versions = distinct(written.map(|version| block_of(version, number, self.block)));
                if versions.len() > 1 || last + 1 < history.len() {
                    axes.push(Axis::Block { file, number, versions });
                }
            }
            let versions = distinct(history.iter().map(Vec::len));
            if versions.len() > 1 {
                axes.push(Axis::Length { file, versions });
            }
        }
        for (&dir, (_, changes)) in &self.dirs {
            axes.extend((0..changes.len()).map(|number| Axis::Change { dir, number }));
        }
        self.axes = axes;
    }

    /// The possible images: all of them if there are at most `most`. Otherwise the two extremes, all that
    /// differ from one of them in one place, some that differ in two places, and some random ones.
    pub(crate) fn images(&self, most: usize, chance: &mut Chance) -> Vec<Image> {
        let options: Vec<usize> = self.axes.iter().map(Axis::options).collect();
        let all =
            options.iter().try_fold(1usize, |product, &n| product.checked_mul(n).filter(|&p| p <= most));
        let mut choices: Vec<Vec<usize>> = Vec::new();
        if let Some(all) = all {
            for mut number in 0..all {
                let choice = options.iter().map(|&n| {
                    let option = number % n;
                    number /= n;
                    option
                });
                choices.push(choice.collect());
            }
        } else {
            let oldest: Vec<usize> = vec![0; options.len()];
            let newest: Vec<usize> = options.iter().map(|&n| n - 1).collect();
            for extreme in [oldest, newest] {
                for (at, &n) in options.iter().enumerate() {
                    for option in 0..n {
                        let mut one = extreme.clone();
                        one[at] = option;
                        let other = chance.below(options.len());
                        let mut two = one.clone();
                        two[other] = chance.below(options[other]);
                        choices.extend([one, two]);
                    }
                }
            }
            for _ in 0..most {
                choices.push(options.iter().map(|&n| chance.below(n)).collect());
            }
        }
        let mut seen = HashSet::new();
        let images = choices.iter().map(|choice| self.image(choice));
        images.filter(|image| seen.insert(image.digest())).collect()
    }

    fn image(&self, choice: &[usize]) -> Image {
        // Everything that is no axis is as it is now.
        let mut files: BTreeMap<Inode, Vec<u8>> =
            self.versions.iter().map(|(file, history)| (*file, history.last().unwrap().clone())).collect();
        let mut names: BTreeMap<Inode, BTreeMap<PathBuf, Inode>> =
            self.dirs.iter().map(|(dir, (names, _))| (*dir, names.clone())).collect();
        // Lengths first: a longer file has zeros where nothing was written.
        for (axis, &option) in self.axes.iter().zip(choice) {
            if let Axis::Length { file, versions } = axis {
                let length = self.versions[file][versions[option]].len();
                files.get_mut(file).unwrap().resize(length, 0);
            }
        }
        for (axis, &option) in self.axes.iter().zip(choice) {
            match axis {
                Axis::Block { file, number, versions } => {
                    let block = block_of(&self.versions[file][versions[option]], *number, self.block);
                    let file = files.get_mut(file).unwrap();
                    let from = (number * self.block).min(file.len());
                    let until = (from + self.block).min(file.len());
                    file[from..until].copy_from_slice(&block[..until - from]);
                }
                Axis::Change { dir, number } if option == 1 => {
                    apply(names.get_mut(dir).unwrap(), &self.dirs[dir].1[*number]);
                }
                Axis::Change { .. } | Axis::Length { .. } => {}
            }
        }
        Image { files, dirs: names }
    }
}

/// A block of a file, with zeros where the file has ended.
fn block_of(version: &[u8], number: usize, size: usize) -> Vec<u8> {
    let from = (number * size).min(version.len());
    let mut block = version[from..(from + size).min(version.len())].to_vec();
    block.resize(size, 0);
    block
}

/// The last position of each different value. The newest value comes last.
fn distinct<T: PartialEq>(values: impl DoubleEndedIterator<Item = T> + ExactSizeIterator) -> Vec<usize> {
    let mut seen: Vec<(usize, T)> = Vec::new();
    for (at, value) in values.enumerate().rev() {
        if !seen.iter().any(|(_, known)| *known == value) {
            seen.push((at, value));
        }
    }
    seen.into_iter().rev().map(|(at, _)| at).collect()
}

fn apply(names: &mut BTreeMap<PathBuf, Inode>, change: &Op) {
    match change {
        Op::Name { name, file, .. } => drop(names.insert(name.clone(), *file)),
        Op::Rename { from, to, file, .. } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        Op::Unlink { name, .. } => drop(names.remove(name)),
        Op::Write { .. } | Op::Extend { .. } | Op::Truncate { .. } | Op::Sync { .. } => {}
    }
}

/// Random numbers, the same for the same seed (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % bound.max(1) as u64).unwrap()
    }
}

/// The operations of an agent that appends `bytes` to the file at `path`, and makes that durable or not.
pub(crate) fn append(path: &Path, bytes: &[u8], durable: bool) -> Vec<Op> {
    use std::io::Write;
    let mut file = File::options().append(true).open(path).unwrap();
    let offset = file.metadata().unwrap().len();
    file.write_all(bytes).unwrap();
    let file = inode(&file);
    let mut ops = vec![Op::Write { file, bytes: bytes.to_vec(), offset }];
    if durable {
        ops.push(Op::Sync { what: file });
    }
    ops
}

/// The file `name` in the directory at `dir`, for the messages of failed tests.
pub(crate) fn describe(image: &Image, dir: &Path) -> String {
    let names = image.names(dir).iter().map(|(name, file)| {
        let name = String::from_utf8_lossy(name.as_os_str().as_bytes()).into_owned();
        format!("{name} ({} octets)", image.files.get(file).map_or(0, Vec::len))
    });
    names.collect::<Vec<_>>().join(", ")
}
