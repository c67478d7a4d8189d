//! What is made from the command line itself: help, completions, manual pages.

use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::Shell;

use super::*;

/// Every command beneath `command`, each with its words.
fn commands(command: &Command, words: &str, all: &mut Vec<(String, Command)>) {
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        let words = format!("{words} {}", one.get_name());
        commands(one, &words, all);
        all.push((words, one.clone()));
    }
}

fn all() -> Vec<(String, Command)> {
    let mut root = Args::command();
    root.build();
    let mut all = Vec::new();
    commands(&root, "campanile", &mut all);
    all.push(("campanile".to_owned(), root));
    assert!(all.len() > 30, "{}", all.len());
    all
}

#[test]
fn the_help_of_every_command_says_what_it_and_each_argument_are_for() {
    for (words, command) in all() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty() && !about.ends_with('.'), "{words}: {about:?}");
        let help = command.clone().render_long_help().to_string();
        for one in command.get_arguments().filter(|one| !one.is_hide_set()) {
            let about = one.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                !about.is_empty() && !about.ends_with('.'),
                "{words}: {}: {about:?}",
                one.get_id()
            );
            let shown = match one.get_long() {
                Some(long) => format!("--{long}"),
                None => one.get_value_names().unwrap_or_default().first().unwrap().to_string(),
            };
            assert!(help.contains(&shown), "{words}: {shown} is not in {help}");
        }
    }
}

#[test]
fn the_commands_that_ask_the_engine_all_take_its_address_and_token() {
    const ALONE: [&str; 6] = [
        "campanile serve",
        "campanile doctor",
        "campanile secret new-key",
        "campanile completions",
        "campanile man",
        "campanile",
    ];
    for (words, command) in all() {
        let is_parent = command.is_subcommand_required_set();
        let asks = !is_parent && !ALONE.contains(&words.as_str());
        for option in ["url", "token-file", "ca"] {
            let has = command.get_arguments().any(|one| one.get_long() == Some(option));
            assert_eq!(has, asks, "{words}: --{option}");
        }
    }
}

#[test]
fn completions_for_every_shell_know_every_command_and_option() {
    for shell in Shell::value_variants() {
        let printed = made(&["completions", &shell.to_string()]);
        for (words, command) in all() {
            let name = words.rsplit(' ').next().unwrap();
            assert!(printed.contains(name), "{shell}: {words}");
            for option in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(printed.contains(option), "{shell}: {words}: --{option}");
            }
        }
    }
}

#[test]
fn every_command_has_a_manual_page_and_each_renders() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    assert_eq!(made(&["man", "--dir", &dir.display().to_string()]), "");
    let all = all();
    for (words, command) in &all {
        let name = words.replace(' ', "-");
        let page = std::fs::read_to_string(dir.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME\n") && page.contains(".SH SYNOPSIS\n"), "{words}: {page}");
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let written = option.replace('-', "\\-");
            assert!(page.contains(&written), "{words}: --{option} is not in {page}");
        }
    }
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), all.len(), "no page for anything else");
    let main = made(&["man"]);
    assert_eq!(main, std::fs::read_to_string(dir.join("campanile.1")).unwrap());
}

#[test]
fn the_documents_know_every_command_and_exit_code() {
    let docs = |name: &str| {
        let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let text = docs("commands.md");
    for (words, command) in all() {
        assert!(text.contains(&words), "docs/commands.md: {words}");
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let known =
                ["help", "version"].contains(&option) || text.contains(&format!("--{option}"));
            assert!(known, "docs/commands.md: {words}: --{option}");
        }
    }
    let codes = docs("exit-codes.md");
    for code in 0..=7 {
        assert!(codes.contains(&format!("\n| {code} | ")), "docs/exit-codes.md: {code}");
        assert!(EXIT_CODES.contains(&format!(" {code} ")), "--help: {code}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let table: [(&[&str], &str); 10] = [
        (&["endpoint", "set", "ops"], "required"),
        (&["recipient", "set", "night"], "required"),
        (&["recipient", "add", "night"], "--endpoint"),
        (&["endpoint", "show", "../x"], "letter or digit first"),
        (&["test"], "required"),
        (&["test", "night", "--endpoint", "ops"], "cannot be used with"),
        (&["deliveries", "retry"], "required"),
        (&["deliveries", "show", "7"], "expected the id of a delivery"),
        (&["alerts", "--limit", "0"], "1..=1000"),
        (&["apply"], "required"),
    ];
    for (args, expected) in table {
        let words = [&["campanile"], args].concat();
        let told = Args::try_parse_from(words).unwrap_err().to_string();
        assert!(told.contains(expected), "{args:?}: {told}");
    }
}

/// What a command prints that needs neither engine nor configuration.
fn made(args: &[&str]) -> String {
    let args = Args::try_parse_from([&["campanile"], args].concat()).unwrap();
    let mut out = Vec::new();
    match args.command {
        super::super::Command::Completions(args) => completions::run(&args, &mut out).unwrap(),
        super::super::Command::Man(args) => man::run(&args, &mut out).unwrap(),
        other => panic!("{other:?}"),
    }
    String::from_utf8(out).unwrap()
}
