//! SQLite, which is built into the program.

use std::path::Path;

use ipc::directory::{LookupOutcome, MailPath};
use rusqlite::Connection;

use super::directory::{Directory, bounds, sql, uid, why};

const QUERY: &str = "SELECT password, uid, mbox FROM users WHERE name = %u";

fn fill(path: &Path) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE users (name TEXT, password TEXT, uid INTEGER, mbox TEXT);
             INSERT INTO users VALUES ('alice', 'pw', 5000, '/m/alice'), ('o''brien', 'pw', 5001, NULL);",
        )
        .unwrap();
}

#[test]
fn users_are_found_in_the_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    let url = format!("sqlite:{}", path.display());
    let mut directory = Directory::start(sql(&url, QUERY, bounds(30)));
    let told = why(directory.lookup("alice"));
    assert!(told.contains("users.db cannot be reached") && told.contains("mpopd-directory"), "{told}");
    assert!(!path.exists(), "an empty database was created");

    fill(&path);
    let LookupOutcome::Found(alice) = directory.lookup("alice") else { panic!("no alice") };
    assert_eq!(alice.mail, Some(MailPath::Mbox(Path::new("/m/alice").into())));
    assert_eq!(uid(directory.lookup("o'brien")), 5001);
    for stranger in ["bob", "' OR '1'='1", "'; DROP TABLE users; --", "?1", "ALICE"] {
        assert_eq!(directory.lookup(stranger), LookupOutcome::NotFound, "{stranger}");
    }
    assert_eq!(uid(directory.lookup("alice")), 5000);

    std::fs::write(&path, "no database").unwrap();
    assert!(why(directory.lookup("alice")).contains("not a database"));
    std::fs::remove_file(&path).unwrap();
    fill(&path);
    assert_eq!(uid(directory.lookup("alice")), 5000);
}

#[test]
fn a_query_without_an_end_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users.db");
    fill(&path);
    let query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                 SELECT uid FROM users WHERE name = %u UNION ALL SELECT i FROM n WHERE %u = 'slow' AND i < 0";
    let mut bounds = bounds(5);
    bounds.connections = 1;
    let mut directory = Directory::start(sql(&format!("sqlite:{}", path.display()), query, bounds));
    assert_eq!(uid(directory.lookup("alice")), 5000);
    assert!(why(directory.lookup("slow")).ends_with("has not answered after 5 s"));
    assert_eq!(uid(directory.lookup("alice")), 5000, "the only slot must be free again");
}
