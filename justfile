# Recipes for developers and CI.

# Lists the recipes.
default:
    @just --list

# Builds the server for release.
build:
    cargo build --release

# Serves a mailbox, or a sample if none is given: `just try ~/Maildir`.
try *ARGS:
    cargo run --release -- try {{ ARGS }}

# Formats the code.
fmt:
    cargo fmt --all
    cargo fmt --manifest-path fuzz/Cargo.toml

# Fails if `just fmt` would change something.
fmt-check:
    cargo fmt --all --check
    cargo fmt --manifest-path fuzz/Cargo.toml --check

# All lints; a warning fails.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Compiles everything with the toolchain at hand: with the oldest one, `rustup run 1.88 just check`.
check:
    cargo check --workspace --all-targets --locked

# The documentation of all crates; a warning fails.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# The rules of the source tree: imports, names, dependencies, documents. Quick, since it builds no server.
source-checks:
    cargo test --quiet -p source_checks

# Files that import each other, in all crates or in one: `just circles maildrop`.
circles *CRATE:
    cargo run --quiet -p source_checks -- circles {{ CRATE }}

# All tests. As root they see real uids. A test that needs a missing program prints `skipped:`.
test:
    cargo test --workspace

# The user needs the messages of tests/dialogues/mailbox. BEFORE is a command that puts them back before each
# dialogue: `just conformance localhost 110 alice secret "cp tests/dialogues/mailbox /var/mail/alice"`.
# Plays the dialogues of tests/dialogues against any server.
conformance HOST PORT USER="alice" PASSWORD="secret word" BEFORE="true":
    cargo run --quiet -p dialogues -- --before {{ quote(BEFORE) }} {{ quote(HOST) }} {{ PORT }} {{ quote(USER) }} {{ quote(PASSWORD) }} tests/dialogues/*.txt

# Runs each fuzz target on its corpus, and a few seconds longer. Needs cargo-fuzz and g++.
fuzz-short:
    fuzz/run 4

# Fuzz targets, all if none is named, for SECONDS each: `just fuzz 1200 mbox ipc`.
fuzz SECONDS *TARGETS:
    fuzz/run {{ SECONDS }} {{ TARGETS }}

# Runs all benchmarks and appends a table to docs/performance.md. Only root gets the whole-program figures.
bench:
    benches/bench.py

# Writes the manual pages, shell completions and sample configuration from the texts in the programs.
man:
    cargo run -q -p manual

# Builds the Debian package with all programs, in target/debian. Needs cargo-deb.
deb:
    cargo build --release -p mpopd -p mpopdctl -p mpopd_test -p mpopdstats -p mpopd-directory
    cargo deb --no-build --strip -p mpopd

# Installs, starts, upgrades and purges the package in a chroot. Needs root and debootstrap.
deb-test: deb
    packaging/deb-test target/debian/mpopd_*.deb

# Compiles a copy of the tree with the oldest versions of our dependencies that the manifests allow.
minimal-versions:
    rm -rf target/minimal-versions
    mkdir -p target/minimal-versions
    git ls-files -z | xargs -0 cp --parents --target-directory target/minimal-versions
    cd target/minimal-versions && RUSTC_BOOTSTRAP=1 cargo update --quiet -Z direct-minimal-versions
    cd target/minimal-versions && cargo check --workspace --all-targets --locked --target-dir ../minimal-versions-build

# The tests of the whole server are left out: its sandboxed processes cannot write a profile.
# Lines that the tests reach, in target/coverage.lcov. Needs cargo-llvm-cov.
coverage:
    cargo llvm-cov --workspace --exclude mpopd --lcov --output-path target/coverage.lcov
    cargo llvm-cov report

# Licences, advisories and sources of the dependencies. Needs cargo-deny.
deny:
    cargo deny check

# What a change must pass.
ci: fmt-check lint doc test
