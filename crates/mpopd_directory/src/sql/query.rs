//! A query in the form that a database accepts: placeholders, and the values bound to them.

use config::{QueryPart, QueryPattern};
use ipc::directory::LookupName;

use crate::names::NameKind;

/// A query in which the names of a user are parameters.
pub(super) struct BoundQuery {
    pub(super) text: String,
    parameters: Vec<NameKind>,
}

impl BoundQuery {
    /// Replaces each name with a placeholder, numbered from 1.
    pub(super) fn new(pattern: &QueryPattern, placeholder: impl Fn(usize) -> String) -> Self {
        let (mut text, mut parameters) = (String::new(), Vec::new());
        for piece in pattern.pieces() {
            match (piece, NameKind::of(piece)) {
                (QueryPart::Literal(literal), _) => text.push_str(literal),
                (_, Some(which)) => {
                    parameters.push(which);
                    text.push_str(&placeholder(parameters.len()));
                }
                (_, None) => {}
            }
        }
        Self { text, parameters }
    }

    /// The values of the parameters, in order. The domain of a name without one is NULL.
    pub(super) fn values<'a>(&self, name: &'a LookupName) -> Vec<Option<&'a str>> {
        self.parameters.iter().map(|which| which.in_name(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bound_and_never_part_of_the_text() {
        let pattern = QueryPattern::parse_query("SELECT '%%' WHERE a = %n AND b = %d OR c = %u").unwrap();
        let query = BoundQuery::new(&pattern, |number| format!("${number}"));
        assert_eq!(query.text, "SELECT '%' WHERE a = $1 AND b = $2 OR c = $3");
        let name = LookupName { user: "u@d".to_owned(), local_part: "' OR 1=1".to_owned(), domain: None };
        assert_eq!(query.values(&name), [Some("' OR 1=1"), None, Some("u@d")]);
    }
}
