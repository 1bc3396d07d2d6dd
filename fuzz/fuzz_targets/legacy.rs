//! Configurations of the Perl programs: any octets are imported or refused, and what is imported is a file that mpopd takes and that says
//! as many times CHECK as it is said to.
#![no_main]

use config::{import, parse};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|old: &[u8]| {
    let file = Path::new("old.conf");
    let lines = 1 + old.iter().filter(|octet| **octet == b'\n').count();
    match import(file, old) {
        Err(fault) => assert!(fault.line.is_none_or(|line| (1..=lines).contains(&line)), "{fault}"),
        Ok(new) => {
            let checks = new.toml.lines().filter(|line| line.starts_with("# CHECK")).count();
            assert_eq!(checks, new.checks, "{}", new.toml);
            if let Err(faults) = parse(Path::new("new.conf"), new.toml.as_bytes()) {
                panic!("{faults}\n{}", new.toml);
            }
        }
    }
});
