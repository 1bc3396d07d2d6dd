//! From the events of [`tracing`] to log lines.

use std::fmt::{self, Write as _};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::SystemTime;

use ipc::log::{LogField, LogLine, LogValue, MOST_EVENT, MOST_FIELDS, MOST_VALUE};
use tracing::field::Visit;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use vocabulary::LogLevel;

use crate::output::{self, Output};
use crate::render;

/// The least important level that is logged: 0 none, 1 errors, to 5 everything.
static LEVEL: AtomicU8 = AtomicU8::new(0);

/// Logs to standard error from now on.
pub fn start_to_stderr(level: LogLevel) {
    start(Some(level), Output::StandardError);
}

/// Logs into a queue from now on. Returns its other end, for the log role. Without a level nothing is logged.
///
/// # Errors
///
/// What socketpair(2) reports.
pub fn start_to_queue(level: Option<LogLevel>) -> io::Result<OwnedFd> {
    let (queue, far) = Output::queue()?;
    start(level, queue);
    Ok(far)
}

/// Changes the least important level that this process logs. Without one it logs nothing.
pub fn set_level(level: Option<LogLevel>) {
    let number = match level {
        None => 0,
        Some(LogLevel::Error) => 1,
        Some(LogLevel::Warn) => 2,
        Some(LogLevel::Info) => 3,
        Some(LogLevel::Debug) => 4,
        Some(LogLevel::Trace) => 5,
    };
    LEVEL.store(number, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

fn start(level: Option<LogLevel>, output: Output) {
    output.set();
    let _ = tracing::subscriber::set_global_default(LineSubscriber);
    set_level(level);
    std::panic::set_hook(Box::new(|what| {
        tracing::error!("a bug in mpopd: {}", what.to_string().replace('\n', " "));
    }));
}

/// Receives the events of [`tracing`]. There are no spans.
struct LineSubscriber;

impl LineSubscriber {
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

impl Subscriber for LineSubscriber {
    fn register_callsite(&self, about: &'static Metadata<'static>) -> Interest {
        if self.enabled(about) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, about: &Metadata<'_>) -> bool {
        about.is_event() && *about.level() <= Self::filter()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(Self::filter())
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = LogLine {
            time: render::now(SystemTime::now()),
            level: level_of(event.metadata().level()),
            lost: 0,
            event: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut LineCollector(&mut line));
        output::write(line);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn level_of(level: &tracing::Level) -> LogLevel {
    match *level {
        tracing::Level::ERROR => LogLevel::Error,
        tracing::Level::WARN => LogLevel::Warn,
        tracing::Level::INFO => LogLevel::Info,
        tracing::Level::DEBUG => LogLevel::Debug,
        tracing::Level::TRACE => LogLevel::Trace,
    }
}

/// Collects the text and the fields of an event.
struct LineCollector<'a>(&'a mut LogLine);

impl Visit for LineCollector<'_> {
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
                Some(client) => LogValue::Client(client),
                None => {
                    cut(&mut text, MOST_VALUE);
                    LogValue::Text(text)
                }
            },
        );
    }

    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        self.push(field.name(), LogValue::Number(value));
    }
}

impl LineCollector<'_> {
    fn push(&mut self, name: &'static str, value: LogValue) {
        if self.0.fields.len() < MOST_FIELDS {
            self.0.fields.push(LogField { name: name.into(), value });
        }
    }
}

/// Shortens a text to at most `most` octets, in whole characters.
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
