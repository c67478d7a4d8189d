//! Rules about the tree.

use std::fs;
use std::path::{Path, PathBuf};

use campanile_tests::site::project;

#[test]
fn the_host_knows_no_kind_by_name() {
    // Names that are ordinary words too: looked for only where something is decided by them.
    const WORDS: [&str; 3] = ["file", "email", "syslog"];
    // Kinds of the engine, which have a folder that may know them.
    const NATIVE: [&str; 2] = ["shell", "fail2ban"];
    let mut components = folder_names(&project().join("components"));
    components.push("hostile".to_owned());
    let native = project().join("host/src/privileged");
    let files = rust_files("host/src");
    for (path, text) in files.into_iter().filter(|(path, _)| !is_test(path)) {
        let natives = NATIVE.iter().filter(|_| !path.starts_with(&native));
        let names: Vec<_> = components.iter().map(String::as_str).chain(natives.copied()).collect();
        for (number, line) in product(&text).lines().enumerate() {
            for name in &names {
                let literal = format!("\"{name}\"");
                let decides = line.contains("==") || line.contains("!=") || line.contains("=>");
                let is_meant = !WORDS.contains(name) || decides;
                assert!(
                    !(is_meant && line.contains(&literal)),
                    "{}:{} names {literal}; kinds are known from their folders, or within `privileged/`",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn every_component_has_the_same_few_files() {
    const FILES: [&str; 7] = [
        "Cargo.toml",
        "README.md",
        "component.toml",
        "src/lib.rs",
        "src/settings.rs",
        "src/message.rs",
        "src/answer.rs",
    ];
    let components = project().join("components");
    let names = folder_names(&components);
    assert!(!names.is_empty(), "no folder in components/");
    for name in names {
        let folder = components.join(&name);
        for file in FILES {
            assert!(folder.join(file).is_file(), "components/{name}/{file} is missing");
        }
        let cases = fs::read_dir(folder.join("cases")).into_iter().flatten().flatten();
        let count =
            cases.filter(|one| one.path().extension().is_some_and(|it| it == "json")).count();
        assert!(count > 0, "components/{name}/cases/*.json is missing");
    }
}

#[test]
fn no_step_calls_another_step_and_nothing_calls_back() {
    // Where, and what must not be named there.
    const STEPS: &[(&str, &[&str])] = &[
        (
            "ingest",
            &[
                "queue",
                "dispatch",
                "runtime",
                "capability",
                "records",
                "store",
                "api",
                "app",
                "cli",
            ],
        ),
        (
            "route",
            &[
                "queue",
                "dispatch",
                "runtime",
                "capability",
                "records",
                "store",
                "ingest",
                "api",
                "app",
                "cli",
            ],
        ),
        ("queue", &["dispatch", "runtime", "capability", "ingest", "route", "api", "app", "cli"]),
        ("records", &["dispatch", "runtime", "capability", "ingest", "route", "api", "app", "cli"]),
        ("store", &["dispatch", "runtime", "capability", "ingest", "route", "api", "app", "cli"]),
        (
            "runtime",
            &["queue", "dispatch", "records", "store", "ingest", "route", "api", "app", "cli"],
        ),
        (
            "capability",
            &["queue", "dispatch", "records", "store", "ingest", "route", "api", "app", "cli"],
        ),
        ("dispatch", &["ingest", "api", "app", "cli"]),
        ("api", &["dispatch", "capability", "cli"]),
    ];
    for (module, forbidden) in STEPS {
        let files = rust_files("host/src");
        let own = files.iter().filter(|(file, _)| {
            let path = file.strip_prefix(project().join("host/src")).expect("a file of the host");
            let is_own = path.starts_with(module) || path == Path::new(&format!("{module}.rs"));
            is_own && !is_test(file)
        });
        for (path, text) in own {
            for other in *forbidden {
                assert!(
                    !names_module(product(text), other),
                    "{} names crate::{other}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn unsafe_code_is_where_it_is_known_to_be() {
    const KNOWN: [&str; 6] = [
        // Machine code that this installation made itself.
        "host/src/runtime/compile.rs",
        // Namespaces and open files of the one thread between helper and script.
        "host/src/privileged/shell/init.rs",
        // An attack needs what safe Rust cannot do.
        "tests/hostile/src/attack/canary.rs",
        "tests/hostile/src/attack/forged.rs",
        "tests/src/bin/confined/becoming.rs",
        "tests/src/bin/confined/kernel.rs",
    ];
    for (path, text) in
        ["host", "wit/guest", "components", "tests"].into_iter().flat_map(rust_files)
    {
        let relative = path.strip_prefix(project()).expect("a file of the project");
        let is_known = KNOWN.iter().any(|known| relative == Path::new(known));
        // Split, so that this file does not find itself.
        let uses = [
            concat!("unsafe", " {"),
            concat!("unsafe", " fn"),
            concat!("unsafe", " impl"),
            concat!("unsafe", "("),
        ];
        let found = uses.iter().find(|word| text.contains(**word));
        assert!(is_known || found.is_none(), "{} uses {found:?}", path.display());
    }
}

#[test]
fn a_file_has_one_subject() {
    const LINES_MAX: usize = 400;
    for (path, text) in ["host/src", "wit/guest", "components", "tests/src", "tests/hostile"]
        .into_iter()
        .flat_map(rust_files)
    {
        let lines = product(&text).lines().count();
        assert!(
            is_test(&path) || lines <= LINES_MAX,
            "{} has {lines} lines; find its second subject",
            path.display()
        );
    }
}

#[test]
fn names_are_found_as_paths_and_not_as_parts_of_others() {
    let table = [
        ("use crate::queue::Queue;", true),
        ("crate::queue", true),
        ("use crate::{alert, queue::{Batch}};", true),
        ("use crate::{\n    alert,\n    queue,\n};", true),
        ("use crate::queues::Queue;", false),
        ("use crate::alert::queue;", false),
        ("use crate::{alert::queue, ids};", false),
        ("//! Not here: `crate::queue`.", false),
    ];
    for (text, expected) in table {
        assert_eq!(names_module(text, "queue"), expected, "{text}");
    }
}

/// Whether the code names `crate::<module>`, alone or in a group.
fn names_module(text: &str, module: &str) -> bool {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String =
        lines.flat_map(|line| line.chars().chain(['\n'])).filter(|c| !c.is_whitespace()).collect();
    let starts = |rest: &str| {
        let rest = rest.strip_prefix(module);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    code.split("crate::").skip(1).any(|rest| match rest.strip_prefix('{') {
        Some(group) => top_of_group(group).iter().any(|one| starts(one)),
        None => starts(rest),
    })
}

/// The parts of a braced list that stand at its first level.
fn top_of_group(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

/// Tests in files of their own: `tests.rs`, and what is in a folder `tests` of the host.
fn is_test(path: &Path) -> bool {
    let is_folder = path.starts_with(project().join("host"))
        && path.components().any(|part| part.as_os_str() == "tests");
    is_folder || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// The file without the tests at its end.
fn product(text: &str) -> &str {
    let tests = ["#[cfg(test)]\nmod ", "#[cfg(test)]\npub(crate) mod "];
    tests.iter().find_map(|begin| text.split_once(begin)).map_or(text, |(product, _)| product)
}

fn folder_names(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let folders = entries.flatten().filter(|one| one.path().is_dir());
    folders.map(|one| one.file_name().to_string_lossy().into_owned()).collect()
}

/// All Rust files beneath a folder of the project.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![project().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|one| one.path()) {
            if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let text = fs::read_to_string(&path).expect("a file to read");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no Rust file in {folder}");
    found
}
