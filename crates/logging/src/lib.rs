//! The log as every process has it: one event a line, in the form that INTERFACE section 5 fixes.
//!
//! The daemon's processes put their lines into one queue that the log role reads (`roles/log.rs`), and never wait
//! for it: what does not fit is dropped and counted. `mpopd try` writes to standard error.
#![forbid(unsafe_code)]

mod append;
pub mod render;
mod untrusted;

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::SystemTime;

use ipc::log::{Field, Level, Line, MOST_EVENT, MOST_FIELDS, MOST_VALUE, Value};
use ipc::wire::Wait;
use rustix::net::sockopt;
use tracing::field::Visit;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use vocabulary::LogLevel;

pub use append::append;
pub use untrusted::Untrusted;

/// How much of the queue the kernel keeps, in octets: some thousand lines.
const QUEUE: usize = 1 << 20;

/// Where the lines of this process go, and of those it forks.
static OUTPUT: OnceLock<Output> = OnceLock::new();
/// The least important level that is logged: 0 none, 1 errors, to 5 everything.
static LEVEL: AtomicU8 = AtomicU8::new(0);
/// The lines that found no room in the queue since the last that did.
static LOST: AtomicU32 = AtomicU32::new(0);

enum Output {
    StandardError,
    Queue(OwnedFd),
}

/// Logs to standard error from here on.
pub fn start_to_stderr(level: LogLevel) {
    start(Some(level), Output::StandardError);
}

/// Logs into a queue from here on. Returns its other end, for the log role. Without a level nothing is logged.
///
/// # Errors
///
/// What socketpair(2) says.
pub fn start_to_queue(level: Option<LogLevel>) -> io::Result<OwnedFd> {
    let (far, near) = sys::seqpacket::pair()?;
    // Beyond the system's usual bound only for root; with less, lines are lost earlier.
    if sockopt::set_socket_send_buffer_size_force(&near, QUEUE).is_err() {
        let _ = sockopt::set_socket_send_buffer_size(&near, QUEUE);
    }
    start(level, Output::Queue(near));
    Ok(far)
}

/// Changes the least important level that this process logs. Without one it logs nothing.
pub fn set_level(level: Option<LogLevel>) {
    LEVEL.store(level.map_or(0, |level| level as u8 + 1), Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// What a process must keep open to go on logging.
pub fn descriptor() -> Option<BorrowedFd<'static>> {
    match OUTPUT.get() {
        Some(Output::Queue(queue)) => Some(queue.as_fd()),
        Some(Output::StandardError) | None => None,
    }
}

fn start(level: Option<LogLevel>, output: Output) {
    // A second start, which only a test could make, keeps the first one's log.
    let _ = OUTPUT.set(output);
    let _ = tracing::subscriber::set_global_default(Logger);
    set_level(level);
    std::panic::set_hook(Box::new(|what| {
        tracing::error!("a defect of mpopd: {}", what.to_string().replace('\n', " "));
    }));
}

/// What [`tracing`] gives its events to. There are no spans.
struct Logger;

impl Logger {
    fn filter() -> LevelFilter {
        match LEVEL.load(Ordering::Relaxed) {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

impl Subscriber for Logger {
    fn register_callsite(&self, about: &'static Metadata<'static>) -> Interest {
        if self.enabled(about) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.is_event() && *about.level() <= Logger::filter()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(Logger::filter())
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            time: render::now(SystemTime::now()),
            level: level_of(event.metadata().level()),
            lost: 0,
            event: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut Collect(&mut line));
        write(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn level_of(level: &tracing::Level) -> Level {
    match *level {
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace,
    }
}

fn write(mut line: Line) {
    match OUTPUT.get() {
        Some(Output::Queue(queue)) => {
            line.lost = LOST.swap(0, Ordering::Relaxed);
            if ipc::send(queue, &line, &[], Wait::No).is_err() {
                LOST.fetch_add(line.lost.saturating_add(1), Ordering::Relaxed);
            }
        }
        Some(Output::StandardError) => {
            let mut text = Vec::with_capacity(256);
            render::text(&line, &mut text);
            // Whoever closed standard error does not want it.
            let _ = io::stderr().write_all(&text);
        }
        None => {}
    }
}

/// Makes a line's words and fields of what the code said.
struct Collect<'a>(&'a mut Line);

impl Visit for Collect<'_> {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A String takes everything.
            let _ = write!(self.0.event, "{value:?}");
            cut(&mut self.0.event, MOST_EVENT);
            return;
        }
        let mut text = format!("{value:?}");
        let client = text.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).map(str::to_owned);
        self.push(
            field.name(),
            match client {
                Some(client) => Value::Client(client),
                None => {
                    cut(&mut text, MOST_VALUE);
                    Value::Text(text)
                }
            },
        );
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.push(field.name(), Value::Number(value));
    }
}

impl Collect<'_> {
    fn push(&mut self, name: &'static str, value: Value) {
        if self.0.fields.len() < MOST_FIELDS {
            self.0.fields.push(Field { name: name.into(), value });
        }
    }
}

/// Leaves at most `most` octets, in whole characters.
fn cut(text: &mut String, most: usize) {
    const SHORTENED: &str = "...";
    if text.len() > most {
        let end = (0..=most - SHORTENED.len()).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push_str(SHORTENED);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let mut text = "é".repeat(10);
        cut(&mut text, 20);
        assert_eq!(text, "é".repeat(10));
        cut(&mut text, 10);
        assert_eq!(text, "ééé...");
    }
}
