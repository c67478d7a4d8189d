//! The hostile corpus: each attack is a row of a table, with what it does and the outcome, by name,
//! that must follow; the test beside the table tries every row. `docs/security/attacks.md` is made
//! from these tables.

mod addresses;
mod answers;
mod build;
mod document;
mod folders;
mod mail;
mod malformed;
mod names;
mod requests;
mod running;
mod secrets;
mod thief;

/// One attack.
#[derive(Clone, Debug)]
pub(crate) struct Attack {
    /// Unique in its chapter.
    pub(crate) name: String,
    /// What it tries, as a sentence about the attacker.
    pub(crate) does: String,
    /// What must follow: the word in the record, or what is said.
    pub(crate) outcome: String,
}

/// The attacks of one table.
#[derive(Clone, Debug)]
pub(crate) struct Chapter {
    pub(crate) title: &'static str,
    /// What the table's attacks have in common, as sentences.
    pub(crate) about: &'static str,
    /// The test that tries each row: a file beneath `tests/it/`, and the test's name.
    pub(crate) tested: (&'static str, &'static str),
    pub(crate) attacks: Vec<Attack>,
}

/// Every table, in the order of the document.
fn chapters() -> Vec<Chapter> {
    vec![
        malformed::chapter(),
        malformed::taken(),
        running::chapter(),
        addresses::chapter(),
        names::chapter(),
        requests::chapter(),
        answers::chapter(),
        secrets::chapter(),
        mail::chapter(),
        folders::chapter(),
        crate::confined::inside::chapter(),
    ]
}
