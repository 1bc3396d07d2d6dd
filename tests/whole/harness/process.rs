//! Processes, according to /proc.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

/// A process, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// The children of this process, their children, and so on.
    pub(crate) fn descendants(self) -> Vec<Self> {
        let all: Vec<Self> = fs::read_dir("/proc")
            .expect("/proc")
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok().map(Process))
            .collect();
        let mut family = vec![self];
        let mut next = 0;
        while next < family.len() {
            let parent = family[next].0.to_string();
            family.extend(all.iter().filter(|p| p.status("PPid").is_some_and(|ppid| ppid == parent)));
            next += 1;
        }
        family.split_off(1)
    }

    /// The value of a line of /proc/PID/status; nothing if there is no such process or line.
    pub(crate) fn status(self, key: &str) -> Option<String> {
        let status = fs::read_to_string(self.file("status")).ok()?;
        let value = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim().to_owned())
    }

    /// Whether it runs. A zombie does not.
    pub(crate) fn is_alive(self) -> bool {
        self.status("State").is_some_and(|state| !state.starts_with(['Z', 'X']))
    }

    /// Its name, such as `mpopd-session`; empty when it is gone.
    pub(crate) fn name(self) -> String {
        self.status("Name").unwrap_or_default()
    }

    /// Its real, effective, saved and filesystem uid.
    pub(crate) fn uids(self) -> Vec<u32> {
        self.numbers("Uid")
    }

    /// Its real, effective, saved and filesystem gid.
    pub(crate) fn gids(self) -> Vec<u32> {
        self.numbers("Gid")
    }

    /// Its supplementary groups.
    pub(crate) fn groups(self) -> Vec<u32> {
        self.numbers("Groups")
    }

    /// Whether it has no capabilities and cannot gain any by itself.
    pub(crate) fn has_no_capabilities(self) -> bool {
        ["CapInh", "CapPrm", "CapEff", "CapAmb"]
            .iter()
            .all(|set| self.status(set).is_some_and(|bits| bits.bytes().all(|b| b == b'0')))
    }

    /// The root folder that it sees.
    pub(crate) fn root(self) -> PathBuf {
        fs::read_link(self.file("root")).expect("/proc/PID/root")
    }

    /// Its resident memory in kB.
    pub(crate) fn resident_kb(self) -> u64 {
        let value = self.status("VmRSS").expect("VmRSS of a living process");
        value.trim_end_matches(" kB").parse().expect("VmRSS in kB")
    }

    /// Its memory in octets, with its share of what it shares with others (PSS); 0 when it has ended.
    pub(crate) fn memory(self) -> u64 {
        let rollup = fs::read_to_string(self.file("smaps_rollup")).unwrap_or_default();
        let kilobytes = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
        kilobytes.map_or(0, |number| number.parse::<u64>().expect("Pss in kB") * 1024)
    }

    /// Its soft and its hard limit of open descriptors.
    pub(crate) fn descriptor_limits(self) -> (String, String) {
        let limits = fs::read_to_string(self.file("limits")).expect("/proc/PID/limits");
        let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
        let mut words = line.expect("a limit of open files").split_whitespace().map(str::to_owned);
        (words.next().expect("the soft limit"), words.next().expect("the hard limit"))
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(self) -> usize {
        fs::read_dir(self.file("fd")).expect("/proc/PID/fd").count()
    }

    /// Changes its soft limit of a resource, by the name that prlimit(1) has for it; `None` is the hard
    /// limit.
    pub(crate) fn limit(self, resource: &str, to: Option<u64>) {
        let program = super::need::program("prlimit").expect("prlimit, which every Debian has");
        // The kernel allows this to processes of the same user and group.
        let (uid, gid) = (self.uids()[0], self.gids()[0]);
        let (pid, option) = (self.0.to_string(), format!("--{resource}"));
        let run = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            let done = command.uid(uid).gid(gid).args(["--pid", &pid]).args(arguments).output();
            let done = done.expect("prlimit");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            String::from_utf8_lossy(&done.stdout).trim().to_owned()
        };
        let soft = match to {
            Some(to) => to.to_string(),
            None => run(&[&option, "--output=HARD", "--noheadings", "--raw"]),
        };
        run(&[&format!("{option}={soft}:")]);
    }

    pub(crate) fn signal(self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.0).expect("a process id")).expect("a process id");
        // It may have ended by itself meanwhile.
        let _ = kill_process(pid, signal);
    }

    fn numbers(self, key: &str) -> Vec<u32> {
        let value = self.status(key).unwrap_or_default();
        value.split_whitespace().map(|n| n.parse().expect("a number in /proc/PID/status")).collect()
    }

    fn file(self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.0.to_string()).join(name)
    }
}
