//! Configurations of the Perl programs: any octets are imported or refused. mpopd accepts an imported file,
//! and its number of CHECK comments is the one that was reported.
#![no_main]

use config::parse;
use libfuzzer_sys::fuzz_target;
use mpopdctl::import;
use std::path::Path;

fuzz_target!(|old: &[u8]| {
    let file = Path::new("old.conf");
    let lines = 1 + old.iter().filter(|octet| **octet == b'\n').count();
    match import(file, old) {
        Err(fault) => assert!(fault.line.is_none_or(|line| (1..=lines).contains(&line)), "{fault}"),
        Ok((toml, checks)) => {
            let found = toml.lines().filter(|line| line.starts_with("# CHECK")).count();
            assert_eq!(found, checks, "{toml}");
            if let Err(faults) = parse(Path::new("new.conf"), toml.as_bytes()) {
                panic!("{faults}\n{toml}");
            }
        }
    }
});
