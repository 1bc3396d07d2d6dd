//! The faults that the original mpopd had, and those that other servers have or had: a test for each, named by it. A few are tested
//! elsewhere, where what they need is at hand; docs/conformance.md has the whole list.

mod original;
mod others;
