//! mpopdctl: controls mpopd, and answers questions about its maildrops.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mpopdctl::run()
}
