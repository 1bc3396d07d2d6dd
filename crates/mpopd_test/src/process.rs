//! CPU and memory of a process and all its descendants, from /proc (proc(5)).

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::numbers::float;

/// What a tree of processes has used so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct ProcessUsage {
    /// Seconds of CPU, including children that have ended.
    pub(crate) cpu: f64,
    /// Number of processes.
    pub(crate) processes: usize,
}

/// Watches what a server uses.
#[derive(Debug)]
pub(crate) struct Observer {
    pid: u32,
    before: ProcessUsage,
    /// The most memory seen, in octets, with the proportional share of what processes share (PSS).
    pub(crate) memory: Option<u64>,
    next_look: Instant,
}

impl Observer {
    /// Begins to watch a process and its descendants.
    ///
    /// # Errors
    ///
    /// There is no such process.
    pub(crate) fn new(pid: u32) -> Result<Self, Error> {
        let before = usage(pid).ok_or(Error::NoProcess(pid))?;
        Ok(Self { pid, before, memory: None, next_look: Instant::now() })
    }

    /// What the server has used since the beginning; nothing when it is gone.
    pub(crate) fn used(&self) -> Option<ProcessUsage> {
        let now = usage(self.pid)?;
        Some(ProcessUsage { cpu: now.cpu - self.before.cpu, processes: now.processes })
    }

    /// Measures the memory, but not so often that measuring costs more than a hundredth of the time.
    pub(crate) fn look(&mut self) {
        let now = Instant::now();
        if now < self.next_look {
            return;
        }
        self.memory = self.memory.max(memory(self.pid));
        self.next_look = now + (now.elapsed() * 100).max(Duration::from_millis(500));
    }
}

/// Seconds of CPU that this process has used.
pub(crate) fn own_cpu() -> f64 {
    ProcStat::read(std::process::id()).map_or(0.0, |stat| float(stat.ticks) / ticks_per_second())
}

/// What the tree below `pid` has used. The time of a child that has ended belongs to its parent once that has
/// waited for it; a child that was given to init cannot be seen.
fn usage(pid: u32) -> Option<ProcessUsage> {
    let tree = tree(pid);
    let ticks: u64 = tree.values().map(|stat| stat.ticks + stat.ticks_of_children).sum();
    (!tree.is_empty()).then(|| ProcessUsage { cpu: float(ticks) / ticks_per_second(), processes: tree.len() })
}

/// Memory of the tree in octets (PSS); nothing when it may not be read, as that of other users.
fn memory(pid: u32) -> Option<u64> {
    tree(pid).keys().try_fold(0, |sum, pid| {
        let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
            // It has ended meanwhile, or we may not read it.
            return fs::exists(format!("/proc/{pid}")).is_ok_and(|exists| !exists).then_some(sum);
        };
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kilobytes: u64 = pss.and_then(|text| text.trim().strip_suffix(" kB"))?.parse().ok()?;
        Some(sum + kilobytes * 1024)
    })
}

struct ProcStat {
    parent: u32,
    ticks: u64,
    /// Of children that have ended and were waited for.
    ticks_of_children: u64,
}

impl ProcStat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name is in parentheses and may hold anything, parentheses too; fields count from after the last
        // one.
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            ticks: number(11)? + number(12)?,
            ticks_of_children: number(13)? + number(14)?,
        })
    }
}

/// `pid` and its descendants.
fn tree(pid: u32) -> BTreeMap<u32, ProcStat> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut others: BTreeMap<u32, ProcStat> =
        pids.filter_map(|pid| Some((pid, ProcStat::read(pid)?))).collect();
    let mut found = BTreeMap::new();
    let mut new = vec![pid];
    while let Some(pid) = new.pop() {
        if let Some(stat) = others.remove(&pid) {
            new.extend(others.iter().filter(|(_, stat)| stat.parent == pid).map(|(&child, _)| child));
            found.insert(pid, stat);
        }
    }
    found
}

fn ticks_per_second() -> f64 {
    float(rustix::param::clock_ticks_per_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_stat_line_is_read_from_behind_the_name() {
        let stat = ProcStat::parse("7 (a) b) S 3 7 7 0 -1 4194304 1 2 3 4 50 60 7 8 20 0 1 0 99").unwrap();
        assert_eq!((stat.parent, stat.ticks, stat.ticks_of_children), (3, 110, 15));
        assert!(ProcStat::parse("7 (a) S 3").is_none());
    }

    #[test]
    fn the_whole_tree_is_counted() {
        // The shell prints a line once its own child runs.
        let mut shell = Command::new("sh")
            .args(["-c", "sleep 60 & echo; wait"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = [0];
        std::io::Read::read_exact(shell.stdout.as_mut().unwrap(), &mut line).unwrap();
        let tree = tree(shell.id());
        assert_eq!(tree.len(), 2, "the shell and its sleep");
        assert_eq!(usage(shell.id()).unwrap().processes, 2);
        for pid in tree.keys() {
            let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        shell.wait().unwrap();
        assert!(Observer::new(shell.id()).is_err());
    }

    #[test]
    fn own_figures_are_there() {
        let spun = (0..50_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n));
        assert!(own_cpu() > 0.0, "{spun}");
        assert!(memory(std::process::id()).unwrap() > 100_000);
    }
}
