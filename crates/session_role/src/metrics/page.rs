//! The counters in the format that Prometheus reads: text format 0.0.4, in base units (seconds, bytes).

use std::fmt::{Display, Write as _};

use ipc::steer::Restarts;
use vocabulary::LoginFailure;

use super::counters::Counters;
use super::histogram::Histogram;

/// Writes the response to a scrape. `began` is when counting began, in seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "Prometheus reads floating-point seconds")]
pub(crate) fn page(counters: &Counters, restarts: &Restarts, began: u64) -> String {
    let mut page = MetricsPage(String::with_capacity(16 * 1024));
    page.family("mpopd_build_info", "gauge", "The version that runs; always 1.");
    page.sample("mpopd_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.single(
        "mpopd_start_time_seconds",
        "gauge",
        "When counting began, in seconds since 1970: the start of the session role.",
        began,
    );

    page.single(
        "mpopd_open_connections",
        "gauge",
        "Connections that are open, logged in or not.",
        counters.connections_open.get(),
    );
    page.single(
        "mpopd_open_sessions",
        "gauge",
        "Connections that are logged in.",
        counters.sessions_open.get(),
    );
    page.single(
        "mpopd_connections_total",
        "counter",
        "Connections that were accepted.",
        counters.connections.get(),
    );
    page.single(
        "mpopd_connections_refused_total",
        "counter",
        "Connections that were refused.",
        counters.connections_refused.get(),
    );

    page.family("mpopd_logins_total", "counter", "Logins by result: ok, or the reason in the log.");
    page.sample("mpopd_logins_total", &[("result", "ok")], counters.logins.get());
    for reason in LoginFailure::ALL.iter().copied() {
        page.sample("mpopd_logins_total", &[("result", reason.word())], counters.failed(reason).get());
    }
    page.family(
        "mpopd_commands_total",
        "counter",
        "Commands by verb; other counts lines that are no command.",
    );
    for (verb, count) in counters.commands.each() {
        page.sample("mpopd_commands_total", &[("verb", verb)], count);
    }
    page.family("mpopd_messages_sent_total", "counter", "Messages sent, by command.");
    page.sample("mpopd_messages_sent_total", &[("verb", "RETR")], counters.messages_retrieved.get());
    page.sample("mpopd_messages_sent_total", &[("verb", "TOP")], counters.messages_topped.get());
    page.single(
        "mpopd_messages_deleted_total",
        "counter",
        "Messages removed at QUIT.",
        counters.messages_removed.get(),
    );
    page.single(
        "mpopd_sent_bytes_total",
        "counter",
        "Octets sent to clients, before encryption.",
        counters.octets_sent.get(),
    );
    page.single(
        "mpopd_received_bytes_total",
        "counter",
        "Octets received from clients, after decryption.",
        counters.octets_received.get(),
    );

    let durations = [
        (
            "mpopd_login_duration_seconds",
            "From a password or a SASL response to its result, including the opening of the maildrop.",
            &counters.login_time,
        ),
        ("mpopd_retr_duration_seconds", "From RETR to the message's last octet.", &counters.retr_time),
        ("mpopd_quit_duration_seconds", "From QUIT to the end of its deletions.", &counters.quit_time),
    ];
    for (name, help, histogram) in durations {
        page.family(name, "histogram", help);
        page.histogram(name, None, histogram);
    }
    let name = "mpopd_maildrop_open_duration_seconds";
    page.family(name, "histogram", "How long opening a maildrop took, including the wait for its locks.");
    for (storage, histogram) in counters.opens() {
        page.histogram(name, Some(("storage", storage.word())), histogram);
    }

    page.single(
        "mpopd_lock_waits_total",
        "counter",
        "How often a mailbox was locked by another program.",
        counters.lock_waits.get(),
    );
    page.single(
        "mpopd_lock_wait_seconds_total",
        "counter",
        "How long mpopd waited for locks of mailboxes.",
        counters.lock_wait_millis.get() as f64 / 1e3,
    );
    page.family(
        "mpopd_role_restarts_total",
        "counter",
        "Processes that ended unexpectedly and were restarted.",
    );
    for (role, count) in restarts.each() {
        page.sample("mpopd_role_restarts_total", &[("role", role)], count);
    }
    page.0
}

/// The text so far.
struct MetricsPage(String);

impl MetricsPage {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String never fails.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// Labels and their values are constants of this program: nothing in them needs escaping.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, is)) in labels.iter().enumerate() {
            let _ = write!(self.0, "{}{label}=\"{is}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    fn histogram(&mut self, name: &str, label: Option<(&str, &str)>, histogram: &Histogram) {
        let mut labels: Vec<(&str, &str)> = label.into_iter().collect();
        let mut all = 0;
        for (bound, count) in histogram.cumulated() {
            labels.push(("le", bound));
            self.sample(&format!("{name}_bucket"), &labels, count);
            labels.pop();
            all = count;
        }
        self.sample(&format!("{name}_sum"), &labels, histogram.seconds());
        self.sample(&format!("{name}_count"), &labels, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_stand_where_prometheus_looks_for_them() {
        let counters = Counters::default();
        counters.failed(LoginFailure::Password).add(3);
        counters.retr_time.observe(Duration::from_millis(2));
        counters.lock_wait_millis.add(1500);
        let page = page(&counters, &Restarts { auth: 2, ..Restarts::default() }, 1_793_700_000);
        for line in [
            "# TYPE mpopd_logins_total counter",
            "mpopd_logins_total{result=\"password\"} 3",
            "mpopd_start_time_seconds 1793700000",
            "mpopd_open_connections 0",
            "mpopd_commands_total{verb=\"RETR\"} 0",
            "mpopd_retr_duration_seconds_bucket{le=\"0.001\"} 0",
            "mpopd_retr_duration_seconds_bucket{le=\"0.0025\"} 1",
            "mpopd_retr_duration_seconds_bucket{le=\"+Inf\"} 1",
            "mpopd_retr_duration_seconds_sum 0.002",
            "mpopd_retr_duration_seconds_count 1",
            "mpopd_maildrop_open_duration_seconds_bucket{storage=\"mbox\",le=\"+Inf\"} 0",
            "mpopd_lock_wait_seconds_total 1.5",
            "mpopd_role_restarts_total{role=\"auth\"} 2",
        ] {
            assert!(page.lines().any(|other| other == line), "{line} is not in\n{page}");
        }
    }
}
