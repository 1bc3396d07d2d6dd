//! Filters of system calls.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use super::calls::{Call, Calls, HOSTILE, MACHINE_WIDE, When};

const ENOSYS: u32 = libc::ENOSYS.unsigned_abs();
const EPERM: u32 = libc::EPERM.unsigned_abs();

/// A compiled filter. It is built once, and every process that is forked later can apply it.
#[derive(Debug)]
pub struct SyscallFilter(Vec<BpfProgram>);

impl SyscallFilter {
    /// Allows these groups of calls. A call that only an attacker would make (another program, process or
    /// user, a socket, a mount, ...) kills the process with SIGSYS unless a group has it. Any other call
    /// fails with `ENOSYS`, so that a new version of a library falls back to an older call.
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
            // A call that is allowed under a condition is not hostile as such: only that condition decides.
            .filter(|(number, when)| match when {
                When::Always => !in_part.contains(number),
                When::If { .. } => !whole.contains(number),
            })
            .copied()
            .collect();
        let allow = program(&left, SeccompAction::Errno(ENOSYS), SeccompAction::Allow)?;
        let end = program(&hostile, SeccompAction::Allow, SeccompAction::KillProcess)?;
        // The kernel runs all filters, and the strictest result counts. The last one denies installing
        // another.
        Ok(Self(vec![end, allow]))
    }

    /// Denies the calls that change the whole machine or inspect other processes: they fail with `EPERM`.
    ///
    /// # Errors
    ///
    /// There is no filter for this architecture.
    pub fn all_but_machine_wide() -> io::Result<Self> {
        let deny = program(MACHINE_WIDE, SeccompAction::Allow, SeccompAction::Errno(EPERM))?;
        Ok(Self(vec![deny, no_second_interface()]))
    }

    /// Applies the filter to this process for good. The process also gives up gaining rights by exec
    /// (`PR_SET_NO_NEW_PRIVS`). It must have one thread.
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
    // A call without conditions always matches, so `Always` removes the conditions of other rules.
    for (number, when) in calls {
        if let (When::Always, Some(conditions)) = (when, rules.get_mut(number)) {
            conditions.clear();
        }
    }
    let architecture = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, otherwise, matched, architecture).map_err(io::Error::other)?;
    filter.try_into().map_err(io::Error::other)
}

/// x86_64 has every call a second time under other numbers (x32). A filter that denies a list must deny all
/// of those.
fn no_second_interface() -> BpfProgram {
    use seccompiler::sock_filter;
    const LOAD: u16 = code(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS);
    const IF_AT_LEAST: u16 = code(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K);
    const RETURN: u16 = code(libc::BPF_RET | libc::BPF_K);
    /// `__X32_SYSCALL_BIT`; no number of another architecture is as large.
    const SECOND: u32 = 0x4000_0000;
    vec![
        // The number is the first field of seccomp_data.
        sock_filter { code: LOAD, jt: 0, jf: 0, k: 0 },
        sock_filter { code: IF_AT_LEAST, jt: 0, jf: 1, k: SECOND },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ERRNO | ENOSYS },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
    ]
}

/// An instruction code as it is stored, in 16 bits (linux/filter.h).
#[expect(clippy::cast_possible_truncation, reason = "all codes are below 256")]
const fn code(bits: u32) -> u16 {
    bits as u16
}
