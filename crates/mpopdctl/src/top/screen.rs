//! Draws the screen.

use ipc::control::Status;
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Paragraph, Row, Sparkline, Table};

use super::state::TopState;
use crate::{status, who};

/// Draws the state on the whole screen.
pub(crate) fn draw(frame: &mut Frame<'_>, state: &TopState) {
    let [title, figures, past, connections, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(5),
        Constraint::Length(4),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    draw_title(frame, title, state);
    draw_figures(frame, figures, state);
    draw_past(frame, past, state);
    draw_connections(frame, connections, state);
    frame.render_widget(Line::from("q ends").dim(), foot);
}

fn draw_title(frame: &mut Frame<'_>, area: Rect, state: &TopState) {
    let line = match (&state.trouble, &state.status) {
        (Some(trouble), _) => Line::from(trouble.clone()).fg(Color::Red).bold(),
        (None, Some(status)) => Line::from(vec![
            Span::from(format!("mpopd {}", status.version)).bold(),
            Span::from(format!(
                "  pid {}  up {}  {}",
                status.pid,
                status::duration(status.uptime),
                status::ports(status)
            )),
        ]),
        (None, None) => Line::from("mpopd"),
    };
    frame.render_widget(line, area);
}

fn draw_figures(frame: &mut Frame<'_>, area: Rect, state: &TopState) {
    let block = Block::bordered().title("now");
    let Some(Status { figures, .. }) = &state.status else {
        return frame.render_widget(block, area);
    };
    let rates = &state.rates;
    let numbers = |name: &'static str, now: String, rate: String, all: String| {
        Line::from(format!("{name:<13}{now:>12}{rate:>16}{all:>22}"))
    };
    let failed = figures.all_failed();
    let mut failures =
        numbers("failures", String::new(), format!("{:.1}/s", rates.failures), format!("{failed} in all"));
    if rates.failures > 0.0 {
        failures = failures.fg(Color::Red);
    }
    failures.push_span(Span::from(format!("  {}", status::reasons(figures))).dim());
    let lines = vec![
        numbers(
            "connections",
            figures.connections.to_string(),
            format!("{:.1}/s", rates.connections),
            format!("{} in all", figures.connections_total),
        ),
        numbers(
            "sessions",
            figures.sessions.to_string(),
            format!("{:.1}/s", rates.logins),
            format!("{} in all", figures.logins),
        ),
        failures,
    ];
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_past(frame: &mut Frame<'_>, area: Rect, state: &TopState) {
    let now = format!("sent: {}/s", octets(state.rates.octets_sent));
    let block = Block::bordered().title(now);
    // The newest at the right edge, as many as fit.
    let room = usize::from(block.inner(area).width);
    let past = state.past.iter().skip(state.past.len().saturating_sub(room)).copied();
    let padding = std::iter::repeat_n(0, room.saturating_sub(state.past.len()));
    let bars = Sparkline::default().data(padding.chain(past).collect::<Vec<u64>>());
    frame.render_widget(bars.block(block).style(Style::new().fg(Color::Cyan)), area);
}

fn draw_connections(frame: &mut Frame<'_>, area: Rect, state: &TopState) {
    let block = Block::bordered().title("connections");
    let room = usize::from(block.inner(area).height).saturating_sub(1);
    let hidden = state.connections.len().saturating_sub(room);
    let block = match hidden {
        0 => block,
        hidden => block.title_bottom(Line::from(format!("{hidden} more")).alignment(Alignment::Right)),
    };
    let title = row(who::TITLES.map(str::to_owned)).style(Style::new().add_modifier(Modifier::BOLD));
    let rows = state.connections.iter().take(room).map(|connection| row(who::cells(connection)));
    let widths = [
        Constraint::Length(12),
        Constraint::Fill(1),
        Constraint::Length(20),
        Constraint::Length(7),
        Constraint::Length(13),
        Constraint::Length(10),
        Constraint::Length(8),
        Constraint::Length(12),
    ];
    frame.render_widget(Table::new(rows, widths).header(title).block(block), area);
}

/// A row of the table, with right-aligned numbers.
fn row(cells: [String; 8]) -> Row<'static> {
    let cell = |(column, text)| match column {
        who::FIRST_NUMBER.. => Text::from(text).right_aligned(),
        _ => Text::from(text),
    };
    Row::new(cells.into_iter().enumerate().map(cell))
}

/// A number of octets in a suitable unit.
fn octets(octets: f64) -> String {
    let mut number = octets;
    for unit in ["B", "kB", "MB", "GB"] {
        if number < 1000.0 {
            return if unit == "B" { format!("{number:.0} B") } else { format!("{number:.1} {unit}") };
        }
        number /= 1000.0;
    }
    format!("{number:.1} TB")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ipc::control::Port;
    use ipc::report::{Activity, ConnectionInfo, SessionFigures};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn status(seconds: u64) -> Status {
        let figures = SessionFigures {
            connections: 31,
            sessions: 30,
            connections_total: 100 + 12 * seconds,
            logins: 90 + 10 * seconds,
            logins_failed: vec![("password".to_owned(), 2 * seconds), ("limit".to_owned(), 0)],
            octets_sent: 1_500_000 * seconds * seconds,
            ..SessionFigures::default()
        };
        let ports = vec![Port { address: "0.0.0.0:110".parse().unwrap(), tls: false }];
        Status { version: "1.2.3".to_owned(), pid: 99, ports, uptime: 3600 + seconds, figures }
    }

    fn connection(number: u64) -> ConnectionInfo {
        ConnectionInfo {
            session: number,
            peer: "192.0.2.1".parse().unwrap(),
            user: Some(format!("user{number}")),
            tls: "TLSv1.3".to_owned(),
            state: Activity::Transaction,
            seconds: 100,
            idle: 30 - number,
            messages: 3,
            octets_sent: 1000 * number,
        }
    }

    /// The screen as text, after some seconds.
    fn screen(state: &TopState) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
        terminal.draw(|frame| draw(frame, state)).unwrap();
        let buffer = terminal.backend().buffer();
        let width = usize::from(buffer.area.width);
        let rows = buffer.content().chunks(width);
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned())
            .collect()
    }

    fn busy() -> TopState {
        let (mut state, start) = (TopState::default(), Instant::now());
        for second in 0..6 {
            let now = start + Duration::from_secs(second);
            state.update(now, status(second), (1..=30).map(connection).collect());
        }
        state
    }

    #[test]
    fn everything_is_on_the_screen() {
        let rows = screen(&busy());
        println!("{}", rows.join("\n"));
        let has = |row: usize, words: &[&str]| {
            assert!(words.iter().all(|word| rows[row].contains(word)), "{row}: {}", rows[row]);
        };
        has(0, &["mpopd 1.2.3", "pid 99", "0.0.0.0:110", "up 1h 5s"]);
        has(2, &["connections", "31", "12.0/s", "160 in all"]);
        has(3, &["sessions", "30", "10.0/s", "140 in all"]);
        has(4, &["failures", "2.0/s", "10 in all", "password 10"]);
        assert!(!rows[4].contains("limit"), "{}", rows[4]);
        has(6, &["sent: 13.5 MB/s"]);
        assert!(rows[7].ends_with("█│") || rows[8].ends_with("█│"), "the newest bar: {rows:#?}");
        has(11, &["ID", "USER", "ADDRESS", "BYTES"]);
        has(12, &["1e", "user30", "TLSv1.3", "transaction", "0s", "30000"]);
        has(22, &["20 more"]);
        has(23, &["q ends"]);
    }

    #[test]
    fn trouble_is_said_and_a_small_terminal_is_survived() {
        let mut state = busy();
        state.lost("mpopd is not running".to_owned());
        assert!(screen(&state)[0].contains("not running"));
        for (width, height) in [(1, 1), (10, 3), (300, 100)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            terminal.draw(|frame| draw(frame, &state)).unwrap();
            terminal.draw(|frame| draw(frame, &TopState::default())).unwrap();
        }
    }

    #[test]
    fn octets_have_the_unit_that_suits_them() {
        let shown = [0.0, 999.0, 1000.0, 13_500_000.0, 2e15].map(octets);
        assert_eq!(shown, ["0 B", "999 B", "1.0 kB", "13.5 MB", "2000.0 TB"]);
    }
}
