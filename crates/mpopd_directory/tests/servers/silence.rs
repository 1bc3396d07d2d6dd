//! Servers that accept connections and send nothing.

use std::net::TcpListener;

use super::directory::{Directory, bounds, ldap, sql, why};

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    // The kernel accepts the connections; nothing ever answers them.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let query = "SELECT uid FROM users WHERE name = %u";
    let address = format!("127.0.0.1:{port}");
    let mut directories = [
        Directory::start(sql(&format!("postgresql://u:p@{address}/d"), query, bounds(1))),
        Directory::start(sql(&format!("mysql://u:p@{address}/d"), query, bounds(1))),
        Directory::start(ldap(&format!("ldap://{address}"), true, |ldap| ldap.bounds = bounds(1))),
        Directory::start(ldap(&format!("ldaps://{address}"), true, |ldap| ldap.bounds = bounds(1))),
    ];
    for directory in &mut directories {
        let told = why(directory.lookup("alice"));
        assert!(told.ends_with("has not answered after 1 s"), "{told}");
    }
}

#[test]
fn one_that_is_slow_keeps_nobody_else_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgresql://u:p@127.0.0.1:{}/d", listener.local_addr().unwrap().port());
    let directory = Directory::start(sql(&url, "SELECT uid FROM users WHERE name = %u", bounds(600)));
    let mut waiting = directory.another_auth();
    waiting.send(ipc::directory::DirectoryQuery::Lookup(super::directory::name("alice")));
    // Requests for the same server would be just as slow, but requests that need no server are answered.
    let mut other = directory.another_auth();
    let token = ipc::directory::DirectoryQuery::Token(super::directory::secret("t"));
    assert!(why(other.ask(token)).contains("no server for this request"));
}
