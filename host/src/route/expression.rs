//! Regular expressions of filters: whether they match, within bounds of memory.

use std::fmt;

use regex_automata::meta::{Config, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;

/// Memory of one compiled expression. Unicode makes even short ones large.
const BYTES_MAX: usize = 256 << 10;
/// What a search may remember of an expression, for each thread that searches.
const CACHE_BYTES_MAX: usize = 128 << 10;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    written: String,
    regex: Regex,
}

impl Expression {
    /// `^` and `$` are the ends of the text. `Err` says what is expected.
    pub(super) fn read(written: &str, in_any_case: bool) -> Result<Self, String> {
        // Only whether it matches is asked: groups, and the table that is made for them, would be
        // several times as large as all else.
        let config = Config::new()
            .nfa_size_limit(Some(BYTES_MAX))
            .hybrid_cache_capacity(CACHE_BYTES_MAX)
            .onepass(false)
            .which_captures(WhichCaptures::Implicit);
        let regex = Regex::builder()
            .configure(config)
            .syntax(syntax::Config::new().case_insensitive(in_any_case))
            .build(written)
            .map_err(|error| match error.size_limit() {
                Some(_) => "expected a smaller regular expression".to_owned(),
                None => {
                    "expected a regular expression, as Rust's crate `regex` reads them".to_owned()
                }
            })?;
        Ok(Self { written: written.to_owned(), regex })
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.written.len() + self.regex.memory_usage()
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}
