//! mpopdstats: tells from mpopd's logs who fetched how much, and when.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mpopdstats::run()
}
