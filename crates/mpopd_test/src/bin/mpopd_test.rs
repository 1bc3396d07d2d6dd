//! mpopd_test: tries a POP3 server, and is a load test that checks what it downloads.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    mpopd_test::main()
}
