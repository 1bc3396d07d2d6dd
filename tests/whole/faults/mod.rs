//! Bugs of the original mpopd, and bugs and vulnerabilities that other servers have or had: one test each,
//! named after the bug. Some are tested elsewhere, next to related tests. docs/conformance.md and
//! docs/pop3-cves.md have the complete lists.

mod original;
mod others;
mod vulnerabilities;
