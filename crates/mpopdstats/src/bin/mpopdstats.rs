//! mpopdstats: reports from mpopd's logs who fetched how much mail, and when.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mpopdstats::run()
}
