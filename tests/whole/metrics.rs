//! The metrics as Prometheus scrapes them, and the dashboard that shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::harness::{Daemon, Format, PATIENCE, Pop3Client, Port, eventually, messages};

#[test]
fn what_a_session_does_is_counted() {
    for (format, storage) in [(Format::Mbox, "mbox"), (Format::Maildir, "maildir")] {
        let (daemon, metrics) = with_metrics(format);
        let mut pop = daemon.account("alice").login();
        let during = metrics.scrape();
        assert_eq!(during.value("mpopd_open_sessions"), 1.0);
        pop.body("RETR 1");
        pop.body("RETR 2");
        pop.body("TOP 1 0");
        pop.err("nonsense");
        pop.ok("DELE 1");
        pop.quit();
        let mut pop = Pop3Client::connect(daemon.port());
        pop.ok("USER alice");
        pop.err("PASS wrong");
        let all = metrics.scrape();
        for (name, value) in [
            ("mpopd_logins_total{result=\"ok\"}", 1.0),
            ("mpopd_logins_total{result=\"password\"}", 1.0),
            ("mpopd_logins_total{result=\"unknown-user\"}", 0.0),
            ("mpopd_commands_total{verb=\"RETR\"}", 2.0),
            ("mpopd_commands_total{verb=\"QUIT\"}", 1.0),
            ("mpopd_commands_total{verb=\"other\"}", 1.0),
            ("mpopd_messages_sent_total{verb=\"RETR\"}", 2.0),
            ("mpopd_messages_sent_total{verb=\"TOP\"}", 1.0),
            ("mpopd_messages_deleted_total", 1.0),
            ("mpopd_login_duration_seconds_count", 2.0),
            ("mpopd_retr_duration_seconds_count", 2.0),
            ("mpopd_quit_duration_seconds_count", 1.0),
        ] {
            assert_eq!(all.value(name), value, "{name}");
        }
        let opens = format!("mpopd_maildrop_open_duration_seconds_count{{storage=\"{storage}\"}}");
        assert_eq!(all.value(&opens), 1.0);
        eventually("the end of the session", || {
            (metrics.scrape().value("mpopd_open_sessions") == 0.0).then_some(())
        });
        let octets: usize = messages::ordinary()[..2].iter().map(|message| message.wire().len()).sum();
        assert!(all.value("mpopd_sent_bytes_total") > f64::from(u32::try_from(octets).expect("a size")));
        assert!(all.value("mpopd_received_bytes_total") > 100.0);
        assert!(all.value("mpopd_connections_total") >= 2.0);
        assert!(all.value("mpopd_login_duration_seconds_sum") > 0.0);
    }
}

#[test]
fn a_lock_that_is_waited_for_is_counted() {
    let (daemon, metrics) =
        with_metrics_and(Format::Mbox, &["lock_methods = [\"dotlock\"]", "retry_on_lock = 2"]);
    let lock = daemon.mailbox("alice").with_extension("lock");
    std::fs::write(&lock, "").expect("a lock");
    assert!(daemon.account("alice").try_login().is_err(), "the maildrop must be locked");
    std::fs::remove_file(&lock).expect("removing the lock");
    daemon.account("alice").login().quit();
    let all = metrics.scrape();
    assert_eq!(all.value("mpopd_lock_waits_total"), 1.0);
    assert!(all.value("mpopd_lock_wait_seconds_total") >= 1.0);
    assert_eq!(all.value("mpopd_logins_total{result=\"in-use\"}"), 1.0);
}

#[test]
fn restarts_of_roles_are_counted_even_by_a_restarted_session_role() {
    let (daemon, metrics) = with_metrics(Format::Mbox);
    daemon.role("mpopd-auth")[0].signal(Signal::KILL);
    daemon.role("mpopd-log")[0].signal(Signal::KILL);
    let restarts =
        |role: &str| metrics.scrape().value(&format!("mpopd_role_restarts_total{{role=\"{role}\"}}"));
    eventually("the restarts", || (restarts("auth") == 1.0 && restarts("log") == 1.0).then_some(()));
    daemon.role("mpopd-session")[0].signal(Signal::KILL);
    eventually("the restarts once more", || {
        let all = metrics.try_scrape()?;
        let restarts = |role: &str| all.value(&format!("mpopd_role_restarts_total{{role=\"{role}\"}}"));
        (restarts("session") == 1.0 && restarts("auth") == 1.0).then_some(())
    });
}

#[test]
fn they_can_be_scraped_all_the_time_while_the_configuration_is_re_read() {
    let (mut daemon, metrics) = with_metrics(Format::Mbox);
    let _open = daemon.account("alice").login();
    for (signal, timeout) in [(Signal::USR1, 500), (Signal::HUP, 501), (Signal::USR1, 502)] {
        daemon.reconfigure(&format!("timeout = {timeout}"));
        let before = daemon.log().matches("the configuration was re-read").count();
        daemon.supervisor().signal(signal);
        eventually("the new settings", || {
            assert!(metrics.connect().is_ok(), "{signal:?}: refused");
            (daemon.log().matches("the configuration was re-read").count() > before).then_some(())
        });
    }
    // The process with the counters has been replaced.
    eventually("new counters", || {
        metrics.try_scrape().filter(|all| all.value("mpopd_logins_total{result=\"ok\"}") == 0.0)
    });
    daemon.forget("metrics.listen");
    daemon.supervisor().signal(Signal::USR1);
    eventually("nobody to be asked", || metrics.connect().is_err().then_some(()));
}

#[test]
fn only_metrics_are_served_and_in_bounds() {
    let (daemon, metrics) = with_metrics(Format::Mbox);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"),
        ("USER alice\r\n\r\n", "400"),
        (&format!("GET /metrics HTTP/1.1\r\n{}", "X: y\r\n".repeat(2000)), "431"),
    ] {
        let answer = metrics.ask(request).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:.40}: {answer:.100}");
    }
    // Silent connections are closed after a while, and never take a place from a POP3 client.
    let _silent: Vec<TcpStream> = (0..50).map(|_| metrics.connect().expect("a connection")).collect();
    daemon.account("alice").login().quit();
    drop(_silent);
    eventually("a scrape", || metrics.try_scrape());
}

#[test]
fn the_dashboard_asks_only_for_what_there_is() {
    let (_daemon, metrics) = with_metrics(Format::Mbox);
    let there: BTreeSet<String> = metrics
        .scrape()
        .samples
        .keys()
        .map(|sample| sample.split('{').next().unwrap_or_default().to_owned())
        .collect();
    let dashboard = concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/grafana/mpopd.json");
    let text = std::fs::read_to_string(dashboard).expect("the dashboard");
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let panels = parsed["panels"].as_array().expect("panels");
    let expressions: Vec<&str> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().expect("targets"))
        .map(|target| target["expr"].as_str().expect("an expression"))
        .collect();
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
    let asked: BTreeSet<&str> =
        expressions.iter().flat_map(|e| e.split(word)).filter(|name| name.starts_with("mpopd_")).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in &asked {
        assert!(there.contains(*name), "{name} is not a metric");
    }
    let family = |name: &str| {
        ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<String> = asked.iter().map(|name| family(name)).collect();
    let missing: Vec<String> =
        there.iter().map(|name| family(name)).filter(|name| !shown.contains(name)).collect();
    assert_eq!(missing, Vec::<String>::new(), "metrics missing from the dashboard");
}

/// The address of the metrics.
struct Metrics(Port);

/// The result of a scrape: the samples by name and labels.
struct Scrape {
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.0.number))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    fn ask(&self, request: &str) -> io::Result<String> {
        let mut stream = self.connect()?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn try_scrape(&self) -> Option<Scrape> {
        let answer = self.ask("GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n").ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
        Some(Scrape::parse(body))
    }

    fn scrape(&self) -> Scrape {
        eventually("a scrape", || self.try_scrape())
    }
}

impl Scrape {
    /// Parses the text format (version 0.0.4) as strictly as `promtool check metrics` does.
    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'));
        let (mut samples, mut families) = (BTreeMap::new(), BTreeMap::new());
        let mut helped = BTreeSet::new();
        let mut family = (String::new(), String::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, words) = help.split_once(' ').expect("a help text");
                assert!(!words.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a type");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                assert!(
                    helped.contains(name) && families.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "{line}"
                );
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                family = (name.to_owned(), kind.to_owned());
            } else {
                let (sample, value) = line.rsplit_once(' ').expect("a sample");
                let name = sample.split('{').next().unwrap_or_default();
                let end =
                    name.strip_prefix(family.0.as_str()).unwrap_or_else(|| panic!("{line} in {family:?}"));
                match family.1.as_str() {
                    "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&end), "{line}"),
                    _ => assert_eq!(end, "", "{line}"),
                }
                let value: f64 = value.parse().expect("a number");
                assert!(samples.insert(sample.to_owned(), value).is_none(), "duplicate: {line}");
            }
        }
        let scrape = Self { samples };
        for (name, _) in families.iter().filter(|(_, kind)| *kind == "histogram") {
            scrape.check_histogram(name);
        }
        scrape
    }

    /// Asserts that the buckets for each set of labels increase, and that the last one equals the count.
    fn check_histogram(&self, name: &str) {
        let bucket = format!("{name}_bucket{{");
        let mut last: BTreeMap<String, f64> = BTreeMap::new();
        let mut bounds: Vec<(String, f64, f64)> = Vec::new();
        for (sample, count) in self.samples.iter().filter(|(sample, _)| sample.starts_with(&bucket)) {
            let (labels, bound) = sample[bucket.len()..].split_once("le=\"").expect("a bound");
            let bound: f64 = bound.trim_end_matches("\"}").parse().expect("a bound");
            bounds.push((labels.trim_end_matches(',').to_owned(), bound, *count));
        }
        bounds.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
        for (labels, bound, count) in bounds {
            let before = last.insert(labels.clone(), count).unwrap_or(0.0);
            assert!(count >= before, "{name} {labels} {bound}");
            if bound.is_infinite() {
                let all = if labels.is_empty() {
                    format!("{name}_count")
                } else {
                    format!("{name}_count{{{labels}}}")
                };
                assert_eq!(self.value(&all), count);
            }
        }
        assert!(!last.is_empty(), "{name}");
    }

    fn value(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} in {:?}", self.samples.keys()))
    }
}

fn with_metrics(format: Format) -> (Daemon, Metrics) {
    with_metrics_and(format, &[])
}

fn with_metrics_and(format: Format, settings: &[&str]) -> (Daemon, Metrics) {
    let port = Port::reserve();
    let daemon = Daemon::new(format).user("alice", &messages::ordinary());
    let daemon = settings.iter().fold(daemon, |daemon, line| daemon.setting(line));
    let daemon = daemon.setting(&format!("metrics.listen = \"127.0.0.1:{}\"", port.number));
    (daemon.start(), Metrics(port))
}
