//! Keeps lines until they are written, and reports those that are lost.

use std::io::{self, Write as _};
use std::time::{Duration, Instant, SystemTime};

use ipc::log::{Level, Line};
use vocabulary::{LogFormat, LogTarget};

use crate::datagrams::Datagrams;
use crate::file::LogFile;
use crate::settings::Settings;
use logging::render;

/// The most octets that are kept while they cannot be written.
const MOST_KEPT: usize = 1 << 20;

/// How long to wait before trying again.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) struct Keeper {
    target: LogWriter,
    format: LogFormat,
    /// The same lines for standard error, if it gets them.
    stderr: Option<Vec<u8>>,
    /// Lost lines that have not been reported yet.
    lost: u64,
    /// When to try again, while the log cannot be written.
    next_try: Option<Instant>,
}

enum LogWriter {
    Nowhere,
    File(LogFile),
    Syslog(Datagrams),
    Journal(Datagrams),
}

impl Keeper {
    pub(crate) fn new(settings: &Settings) -> Self {
        let target = match &settings.target {
            LogTarget::None => LogWriter::Nowhere,
            LogTarget::File(path) => LogWriter::File(LogFile::new(path.clone())),
            LogTarget::Syslog => LogWriter::Syslog(Datagrams::new(Datagrams::SYSLOG)),
            LogTarget::Journald => LogWriter::Journal(Datagrams::new(Datagrams::JOURNAL)),
        };
        let stderr = settings.stderr.then(Vec::new);
        Self { target, format: settings.format, stderr, lost: 0, next_try: None }
    }

    /// Takes a line. The next [`Keeper::write`] writes it.
    pub(crate) fn take(&mut self, line: &Line) {
        self.lost(u64::from(line.lost));
        if self.target.kept() > MOST_KEPT {
            return self.lost(1);
        }
        if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            self.add(&own(Level::Warn, format!("{lost} log lines were lost: the log could not keep up")));
        }
        self.add(line);
    }

    /// Counts lost lines.
    pub(crate) fn lost(&mut self, lines: u64) {
        self.lost = self.lost.saturating_add(lines);
    }

    /// When to try again what cannot be written now.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        self.next_try
    }

    /// Writes what is kept, unless that failed a moment ago. A failure is reported once.
    pub(crate) fn write(&mut self, now: Instant) {
        if let Some(stderr) = &mut self.stderr {
            // If standard error is closed, nobody wants to read it.
            let _ = io::stderr().write_all(stderr);
            stderr.clear();
        }
        if self.next_try.is_some_and(|next| now < next) {
            return;
        }
        match (self.target.write(), self.next_try) {
            (Ok(()), _) => self.next_try = None,
            (Err(error), before) => {
                self.next_try = Some(now + PAUSE);
                if before.is_none() {
                    self.complain(&error);
                }
            }
        }
    }

    /// The log file was renamed: writes a new file of that name from now on. Returns `false` if this process
    /// may not.
    pub(crate) fn reopen(&mut self, now: Instant) -> bool {
        let LogWriter::File(file) = &mut self.target else { return true };
        // Lines that cannot be written to the old file go to the new one.
        let _ = file.write();
        file.close();
        let denied = file.write().is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        self.next_try = None;
        self.write(now);
        !denied
    }

    fn add(&mut self, line: &Line) {
        match &mut self.target {
            LogWriter::Nowhere => {}
            LogWriter::File(file) => line_of(line, self.format, file.room()),
            LogWriter::Syslog(socket) => {
                let offset = sys::clock::utc_offset(i64::try_from(line.time).unwrap_or(0));
                socket.push(render::syslog(line, self.format == LogFormat::Json, process(), offset));
            }
            LogWriter::Journal(socket) => socket.push(render::journal(line)),
        }
        if let Some(stderr) = &mut self.stderr {
            line_of(line, self.format, stderr);
        }
    }

    /// Reports that the log cannot be written: on standard error, and in syslog unless that is what fails.
    fn complain(&self, error: &io::Error) {
        let (what, other) = match &self.target {
            LogWriter::Nowhere => return,
            LogWriter::File(file) => {
                (format!("the log file {}", file.path().display()), Some(Datagrams::SYSLOG))
            }
            LogWriter::Syslog(_) => (format!("syslog at {}", Datagrams::SYSLOG), None),
            LogWriter::Journal(_) => {
                (format!("the journal at {}", Datagrams::JOURNAL), Some(Datagrams::SYSLOG))
            }
        };
        let line = own(
            Level::Error,
            format!("{what} cannot be written: {error}; mail goes on, the log is tried again every second"),
        );
        let mut text = Vec::new();
        line_of(&line, self.format, &mut text);
        let _ = io::stderr().write_all(&text);
        if let Some(path) = other {
            let mut socket = Datagrams::new(path);
            socket.push(render::syslog(&line, false, process(), 0));
            let _ = socket.write();
        }
    }
}

impl LogWriter {
    fn write(&mut self) -> io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::File(file) => file.write(),
            Self::Syslog(socket) | Self::Journal(socket) => socket.write(),
        }
    }

    /// The octets that are kept.
    fn kept(&self) -> usize {
        match self {
            Self::Nowhere => 0,
            Self::File(file) => file.kept(),
            Self::Syslog(socket) | Self::Journal(socket) => socket.kept(),
        }
    }
}

fn line_of(line: &Line, format: LogFormat, out: &mut Vec<u8>) {
    match format {
        LogFormat::Text => render::text(line, out),
        LogFormat::Json => render::json(line, out),
    }
}

/// A line of this role itself.
fn own(level: Level, event: String) -> Line {
    Line { time: render::now(SystemTime::now()), level, lost: 0, event, fields: Vec::new() }
}

/// The pid that administrators know mpopd by: the supervisor's.
fn process() -> i32 {
    rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get())
}
