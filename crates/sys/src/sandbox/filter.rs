//! Filters of system calls.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::calls::{Call, Calls, HOSTILE, MACHINE_WIDE, When};

/// A compiled filter. It is made once and serves every process that is forked later.
#[derive(Debug)]
pub struct Filter(Vec<BpfProgram>);

impl Filter {
    /// Leaves these groups of calls. What only somebody hostile would try (another program, another process, a socket, another
    /// user, a mount, ...) ends the process with SIGSYS, unless a group has it; anything else fails with `ENOSYS`, so that a
    /// library's new version with a new call takes its older way.
    ///
    /// # Errors
    ///
    /// There is no filter for this architecture.
    pub fn only(groups: &[Calls]) -> io::Result<Self> {
        let left: Vec<Call> = groups.iter().flat_map(|group| group.list()).collect();
        let whole: BTreeSet<c_long> =
            left.iter().filter(|(_, when)| matches!(when, When::Always)).map(|(number, _)| *number).collect();
        let in_part: BTreeSet<c_long> = left.iter().map(|(number, _)| *number).collect();
        let hostile: Vec<Call> = HOSTILE
            .iter()
            .chain(MACHINE_WIDE)
            // What is left under a condition would be hostile always: that condition decides alone.
            .filter(|(number, when)| match when {
                When::Always => !in_part.contains(number),
                When::If { .. } => !whole.contains(number),
            })
            .copied()
            .collect();
        let allow = program(&left, SeccompAction::Errno(libc::ENOSYS as u32), SeccompAction::Allow)?;
        let end = program(&hostile, SeccompAction::Allow, SeccompAction::KillProcess)?;
        // The kernel asks all filters, and the strictest answer counts. The last one leaves no call to install another.
        Ok(Self(vec![end, allow]))
    }

    /// Leaves everything but what changes the whole machine or looks into other processes; that fails with `EPERM`.
    ///
    /// # Errors
    ///
    /// There is no filter for this architecture.
    pub fn all_but_machine_wide() -> io::Result<Self> {
        let deny = program(MACHINE_WIDE, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))?;
        Ok(Self(vec![deny, no_second_interface()]))
    }

    /// Takes it on, for good. The process gives up ever to gain rights by exec (`PR_SET_NO_NEW_PRIVS`). It must have one thread.
    ///
    /// # Errors
    ///
    /// What seccomp(2) says.
    pub fn apply(&self) -> io::Result<()> {
        for program in &self.0 {
            seccompiler::apply_filter(program).map_err(io::Error::other)?;
        }
        Ok(())
    }
}

fn program(calls: &[Call], otherwise: SeccompAction, matched: SeccompAction) -> io::Result<BpfProgram> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (number, when) in calls {
        let conditions = rules.entry(*number).or_default();
        if let When::If { argument, mask, value } = *when {
            let length = match mask > u64::from(u32::MAX) {
                true => SeccompCmpArgLen::Qword,
                false => SeccompCmpArgLen::Dword,
            };
            let condition = SeccompCondition::new(argument, length, SeccompCmpOp::MaskedEq(mask), value)
                .map_err(io::Error::other)?;
            conditions.push(SeccompRule::new(vec![condition]).map_err(io::Error::other)?);
        }
    }
    // No rule means always: that one wins over those with a condition.
    for (number, when) in calls {
        if let (When::Always, Some(conditions)) = (when, rules.get_mut(number)) {
            conditions.clear();
        }
    }
    let architecture = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, architecture).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

/// x86_64 has every call a second time, under other numbers (x32). Where everything is left but a list, those are not.
fn no_second_interface() -> BpfProgram {
    use seccompiler::sock_filter;
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    /// `__X32_SYSCALL_BIT`; no number of another architecture is as large.
    const SECOND: u32 = 0x4000_0000;
    vec![
        // The number is the first field of seccomp_data.
        sock_filter { code: LOAD, jt: 0, jf: 0, k: 0 },
        sock_filter { code: IF_AT_LEAST, jt: 0, jf: 1, k: SECOND },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32 },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
    ]
}
