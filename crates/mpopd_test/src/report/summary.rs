//! The figures of a run, as `--json` prints them: names may be added, but never changed.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ledger::Balance;
use crate::measure::{FailureSummary, Latency, Measures, TimelinePoint};
use crate::numbers::float;
use crate::plan::{LoadPlan, Pace, ReportOutput, SessionMode, TlsMode};
use crate::process::ProcessUsage;

/// A run in figures.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    /// Of mpopd_test.
    pub(crate) version: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) mode: SessionMode,
    pub(crate) tls: TlsMode,
    pub(crate) pace: Pace,
    pub(crate) pipeline: bool,
    /// Whether octet counts and line ends were checked.
    pub(crate) checked: bool,
    /// Whether the content was compared with `--verify`.
    pub(crate) verified: bool,
    pub(crate) users: usize,
    /// Seconds from the first session's beginning to the last one's end.
    pub(crate) seconds: f64,
    /// Sessions with nothing wrong.
    pub(crate) sessions: u64,
    /// Sessions that failed.
    pub(crate) failed: u64,
    /// In an open loop: sessions that began more than a millisecond after they were due.
    pub(crate) late: u64,
    /// Messages downloaded.
    pub(crate) messages: u64,
    /// Octets received.
    pub(crate) octets: u64,
    pub(crate) sessions_per_second: f64,
    pub(crate) messages_per_second: f64,
    pub(crate) megabytes_per_second: f64,
    /// Milliseconds.
    pub(crate) latency: Vec<Latency>,
    /// By kind.
    #[serde(rename = "faults")]
    pub(crate) failures: BTreeMap<&'static str, FailureSummary>,
    /// The balance of `--mode drain`.
    pub(crate) drain: Option<Balance>,
    /// With `--pid`.
    pub(crate) server: Option<ServerUsage>,
    /// Seconds of CPU that mpopd_test itself used.
    pub(crate) own_cpu_seconds: f64,
    pub(crate) timeline: Vec<TimelinePoint>,
    #[serde(skip)]
    pub(crate) output: ReportOutput,
}

/// What the server used, with all its processes.
#[derive(Debug, Serialize)]
pub(crate) struct ServerUsage {
    pub(crate) pid: u32,
    pub(crate) processes: usize,
    pub(crate) cpu_seconds: f64,
    /// The most that was seen, with shared memory counted once (PSS); nothing when it may not be read.
    pub(crate) memory_megabytes: Option<f64>,
    /// Nothing when the server used too little CPU to measure; the unit is a hundredth of a second.
    pub(crate) sessions_per_cpu_second: Option<f64>,
    pub(crate) megabytes_per_cpu_second: Option<f64>,
}

/// What is measured besides the sessions.
#[derive(Debug)]
pub(crate) struct Totals {
    pub(crate) seconds: f64,
    pub(crate) octets: u64,
    pub(crate) own_cpu: f64,
    /// Of the server, with the octets of its memory.
    pub(crate) server: Option<(ProcessUsage, Option<u64>)>,
}

impl Summary {
    pub(crate) fn new(plan: &LoadPlan, measures: &Measures, balance: Balance, totals: &Totals) -> Self {
        let per_second = |count: u64| float(count) / totals.seconds.max(f64::EPSILON);
        let server = plan.pid.zip(totals.server).map(|(pid, (usage, memory))| {
            let per_cpu_second = |count: f64| (usage.cpu >= 0.1).then(|| count / usage.cpu);
            ServerUsage {
                pid,
                processes: usage.processes,
                cpu_seconds: usage.cpu,
                memory_megabytes: memory.map(|octets| float(octets) / 1e6),
                sessions_per_cpu_second: per_cpu_second(float(measures.sessions)),
                megabytes_per_cpu_second: per_cpu_second(float(totals.octets) / 1e6),
            }
        });
        Self {
            version: env!("CARGO_PKG_VERSION"),
            host: plan.host.clone(),
            port: plan.port,
            mode: plan.mode,
            tls: plan.tls,
            pace: plan.pace,
            pipeline: plan.pipeline,
            checked: plan.check,
            verified: plan.verify.is_some(),
            users: plan.users.len(),
            seconds: totals.seconds,
            sessions: measures.sessions,
            failed: measures.failed,
            late: measures.late,
            messages: measures.messages,
            octets: totals.octets,
            sessions_per_second: per_second(measures.sessions),
            messages_per_second: per_second(measures.messages),
            megabytes_per_second: per_second(totals.octets) / 1e6,
            latency: measures.latencies(),
            failures: measures
                .failures
                .iter()
                .map(|(kind, failures)| (kind.name(), failures.clone()))
                .collect(),
            drain: (plan.mode == SessionMode::Drain).then_some(balance),
            server,
            own_cpu_seconds: totals.own_cpu,
            timeline: measures.timeline.clone(),
            output: plan.output.clone(),
        }
    }

    /// What was done, in one line.
    pub(crate) fn title(&self) -> String {
        let mode = match self.mode {
            SessionMode::Login => "login",
            SessionMode::List => "list",
            SessionMode::Retr => "retr",
            SessionMode::Drain => "drain",
        };
        let pace = match self.pace {
            Pace::Closed { connections: 1, .. } => "1 connection".to_owned(),
            Pace::Closed { connections, .. } => format!("{connections} connections"),
            Pace::Open { rate, connections } => format!("{rate} sessions/s, at most {connections} at a time"),
        };
        let users = if self.users == 1 { "1 user".to_owned() } else { format!("{} users", self.users) };
        let tls = match self.tls {
            TlsMode::None => "no TLS",
            TlsMode::Stls => "stls",
            TlsMode::Pop3s => "pop3s",
        };
        let pipeline = if self.pipeline { ", pipelined" } else { "" };
        let content = match (self.checked, self.verified) {
            (_, true) => "content verified",
            (true, false) => "octets checked",
            (false, false) => "nothing checked",
        };
        format!("{} port {}: {mode}, {users}, {pace}, {tls}{pipeline}, {content}", self.host, self.port)
    }

    /// What the server used, in one line.
    pub(crate) fn server_line(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        let processes = if server.processes == 1 { "process" } else { "processes" };
        let mut line = format!("{} {processes}, {:.2} s of CPU", server.processes, server.cpu_seconds);
        if let (Some(sessions), Some(megabytes)) =
            (server.sessions_per_cpu_second, server.megabytes_per_cpu_second)
        {
            line += &format!(" ({sessions:.0} sessions and {megabytes:.0} MB for each)");
        }
        match server.memory_megabytes {
            Some(memory) => line += &format!(", {memory:.1} MB of memory at most"),
            None => line += ", its memory may not be read",
        }
        Some(line)
    }

    /// The balance of `--mode drain`, in one line.
    pub(crate) fn drain_line(&self) -> Option<String> {
        let Balance { listed, removed, lost, left, in_doubt } = self.drain?;
        Some(format!(
            "{listed} messages listed: {removed} downloaded and removed, {left} left, {lost} lost, \
             {in_doubt} in doubt"
        ))
    }
}
