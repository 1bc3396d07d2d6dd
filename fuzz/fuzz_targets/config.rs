//! mpopd.conf: any octets are parsed or rejected with errors in existing lines. Parsed settings are the same
//! after they are printed and parsed again.
#![no_main]

use config::{Config, parse};
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &[u8]| {
    let file = Path::new("mpopd.conf");
    let lines = 1 + text.iter().filter(|octet| **octet == b'\n').count();
    match parse(file, text) {
        Err(faults) => {
            assert!(faults.iter().next().is_some());
            for fault in faults.iter() {
                assert!(fault.line.is_none_or(|line| (1..=lines).contains(&line)), "{fault}");
                assert!(!fault.to_string().contains('\n'), "{fault}");
            }
        }
        Ok(loaded) => {
            let _ = loaded.check_serving();
            printed(&loaded.config);
        }
    }
});

/// Secrets are not printed; without them, all is.
fn printed(config: &Config) {
    let printed = config.to_toml();
    if printed.contains("\"******\"") {
        return;
    }
    match parse(Path::new("printed"), printed.as_bytes()) {
        Ok(again) => assert_eq!(format!("{:?}", again.config), format!("{config:?}"), "{printed}"),
        Err(faults) => panic!("{faults}\n{printed}"),
    }
}
