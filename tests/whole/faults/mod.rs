//! The faults that the original mpopd had, and those that other servers have or had, vulnerabilities too: a
//! test for each, named by it. A few are tested elsewhere, where what they need is at hand;
//! docs/conformance.md and docs/pop3-cves.md have the whole lists.

mod original;
mod others;
mod vulnerabilities;
