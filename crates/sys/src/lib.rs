//! The only crate with `unsafe` code: facilities of the kernel and the C library that no safe library wraps
//! for us.
//!
//! Every unsafe block states the invariant that it relies on. Nothing here knows of mail, POP3 or the
//! configuration. Each module is one facility:
//!
//! - [`process`]: fork, end, reap, and what a role closes and gives up after the fork;
//! - [`reserve`]: memory that is kept for the time when there is no other;
//! - [`identity`]: users and groups, and becoming one of them for good;
//! - [`group`]: a group for the file accesses of one thread;
//! - `attempts`, for tests: what an attacker would try in a process that was taken over;
//! - [`clock`]: the machine's time zone;
//! - [`signals`]: signals as a descriptor;
//! - [`seqpacket`]: the sockets between the roles, with descriptor passing;
//! - [`sandbox`]: giving up system calls, files, ports and signals for good;
//! - [`memfd`]: memory shared read-only between two roles;
//! - [`ofd`]: record locks that belong to an open file description;
//! - [`pid_file`]: the file that names a living daemon;
//! - [`inherited`]: descriptors that this program was started with;
//! - [`crypt`]: the password hashes of the system's libcrypt;
//! - [`pam`]: the system's PAM;
//! - [`names`]: host names and addresses from the system's resolver;
//! - [`spawn`]: running a program of the administrator within bounds;
//! - [`tcp`]: bounds for what the kernel buffers for a connection;
//! - [`wiping`]: memory that is wiped when it is freed;
//! - [`deadline`]: a point in time at which the kernel ends this process.

#[cfg(feature = "attempts")]
pub mod attempts;
pub mod clock;
pub mod crypt;
pub mod deadline;
pub mod group;
pub mod identity;
pub mod inherited;
pub mod memfd;
pub mod names;
pub mod ofd;
pub mod pam;
pub mod pid_file;
pub mod process;
pub mod reserve;
pub mod sandbox;
pub mod seqpacket;
pub mod signals;
pub mod spawn;
pub mod tcp;
pub mod wiping;
