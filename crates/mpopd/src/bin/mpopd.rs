//! mpopd, the POP3 server.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mpopd::run()
}
