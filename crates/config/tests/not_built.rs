//! The settings whose features are not built yet. The list becomes shorter with each issue, and empty in the end.

use std::path::Path;

const NOT_BUILT: &[&str] = &["proxy_networks"];

/// The sample with every setting in force: it has them all.
fn all_settings() -> String {
    let sample = config::sample();
    let lines = sample.lines().filter(|line| !line.starts_with("# ") && !line.starts_with("##"));
    lines.map(|line| line.trim_start_matches('#').to_owned() + "\n").collect()
}

#[test]
fn each_setting_that_is_not_built_gives_one_warning_and_no_other_does() {
    let loaded = config::parse(Path::new("m.conf"), all_settings().as_bytes()).expect("no faults");
    let mut warned: Vec<_> = loaded.warnings.iter().filter_map(|warning| warning.key.as_deref()).collect();
    let mut listed = NOT_BUILT.to_vec();
    warned.sort_unstable();
    listed.sort_unstable();
    assert_eq!(warned, listed);
}

#[test]
fn the_warning_names_file_line_and_setting() {
    let loaded = config::parse(Path::new("m.conf"), b"port = 1\nproxy_networks = [\"10.0.0.0/8\"]\n");
    let loaded = loaded.expect("no faults");
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["m.conf:2: proxy_networks: not built yet, ignored"]);
    assert_eq!(loaded.config.proxy_networks, config::Config::default().proxy_networks);
}

#[test]
fn a_wrong_value_is_a_fault_even_where_it_has_no_effect() {
    let faults = config::parse(Path::new("m.conf"), b"pop3s_port = -1\n").unwrap_err();
    let expected =
        "m.conf:1: pop3s_port: -1 is not accepted; use a whole number from 1 to 65535, or 0 for off";
    assert_eq!(faults.to_string(), expected);
}
