//! `docs/security/attacks.md`, made from the tables of attacks.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use campanile_tests::site::project;

use super::chapters;

const FILE: &str = "docs/security/attacks.md";

const HEAD: &str = "\
# Attacks

What hostile components, services and settings try in each test run, and what must follow. An attack
that gets through fails the run. What is not protected against stands in
[SECURITY.md](../../SECURITY.md).

This file is made from the tables of the tests; after a change of theirs write it anew:

    cargo test --release -p campanile-tests --test it -- --ignored write_the_document_of_attacks
";

#[test]
fn the_table_of_attacks_is_the_documented_one() {
    let found = fs::read_to_string(project().join(FILE)).unwrap_or_default();
    assert!(
        found == document(),
        "{FILE} differs from the tables of the tests; write it with `cargo test --release \
         -p campanile-tests --test it -- --ignored write_the_document_of_attacks`"
    );
}

#[test]
fn every_attack_has_a_name_of_its_own_and_the_test_it_names_exists() {
    for chapter in chapters() {
        let names: BTreeSet<_> = chapter.attacks.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), chapter.attacks.len(), "{}", chapter.title);
        let (file, test) = chapter.tested;
        let text = fs::read_to_string(project().join("tests/it").join(file)).unwrap();
        assert!(text.contains(&format!("fn {test}()")), "{file} has no test {test}");
    }
}

#[test]
#[ignore = "not a test: it writes the document"]
fn write_the_document_of_attacks() {
    let path = project().join(FILE);
    fs::create_dir_all(path.parent().expect("a folder")).unwrap();
    fs::write(path, document()).unwrap();
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for chapter in chapters() {
        let (file, test) = chapter.tested;
        write!(
            text,
            "\n## {}\n\n{}\nTested in `tests/it/{file}`: `{test}`.\n\n| attack | what it tries | what follows |\n|---|---|---|\n",
            chapter.title, chapter.about
        )
        .expect("a string");
        for attack in &chapter.attacks {
            let (does, outcome) = (cell(&attack.does), cell(&attack.outcome));
            writeln!(text, "| {} | {does} | {outcome} |", attack.name).expect("a string");
        }
    }
    text
}

/// Text for one cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
