//! The log: one event a line, in the form that INTERFACE section 5 fixes.
//!
//! `2026-11-23T10:00:00Z INFO login ok user=<alice> ip=192.0.2.1 ...`: time in UTC, level, the
//! event's words, then its fields in the order in which the code names them.

use std::fmt::{self, Write as _};
use std::time::SystemTime;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts logging to standard error, for this process and those it forks.
pub(crate) fn start(level: Level) {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .event_format(Line)
        .finish();
    // A second start, which only a test could make, keeps the first one's log.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = humantime::format_rfc3339_seconds(SystemTime::now());
        write!(line, "{now} {} ", event.metadata().level())?;
        context.field_format().format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}

/// Text that came from a client: escaped, bounded, and always inside `<>`, so that it can forge
/// neither a field nor a line.
#[derive(Clone, Copy)]
pub(crate) struct Untrusted<'a>(pub(crate) &'a [u8]);

impl Untrusted<'_> {
    /// The octets shown at most; of the rest only an ellipsis is.
    const MOST: usize = 128;
}

impl fmt::Display for Untrusted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('<')?;
        for octet in self.0.iter().take(Self::MOST) {
            match octet {
                b'<' | b'>' | b'\\' => write!(f, "\\x{octet:02x}")?,
                0x20..=0x7e => f.write_char(char::from(*octet))?,
                _ => write!(f, "\\x{octet:02x}")?,
            }
        }
        if self.0.len() > Self::MOST {
            f.write_str("...")?;
        }
        f.write_char('>')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_text_cannot_leave_its_brackets() {
        let shown = Untrusted(b"a> ip=1.2.3.4\n<b\\\xff\0").to_string();
        assert_eq!(shown, "<a\\x3e ip=1.2.3.4\\x0a\\x3cb\\x5c\\xff\\x00>");
    }

    #[test]
    fn client_text_is_bounded() {
        let shown = Untrusted(&[b'x'; 10_000]).to_string();
        assert_eq!(shown.len(), Untrusted::MOST + "<...>".len());
    }
}
