//! mpopd_test: tests a POP3 server, and runs load tests that check what they download.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mpopd_test::main()
}
