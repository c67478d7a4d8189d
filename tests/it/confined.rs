//! What the engine's processes gave up, tried from inside and seen from outside; and how they end and
//! begin again.

mod compiler;
pub(crate) mod inside;
mod lives;
mod refused;
mod seen;

use std::collections::BTreeMap;
use std::fs;

use campanile_tests::site::Site;

/// Takes all other components out of a site, which is to compile these by itself.
fn only(site: &Site, kinds: &[&str]) {
    for kind in fs::read_dir(site.components()).unwrap().flatten() {
        // Each is a link; beside them lies their lock.
        if kind.file_type().unwrap().is_symlink() && !kinds.iter().any(|it| *it == kind.file_name())
        {
            fs::remove_file(kind.path()).unwrap();
        }
    }
    site.build_in();
}

/// The lines of a process's, or a thread's, `status`, by name. `None`: it is gone.
fn status(path: &str) -> Option<BTreeMap<String, String>> {
    let text = fs::read_to_string(format!("/proc/{path}/status")).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    Some(lines.map(|(name, value)| (name.to_owned(), value.trim().replace('\t', " "))).collect())
}

/// What it did not give up, of what `user` without any right has.
fn kept(status: &BTreeMap<String, String>, user: u32) -> Vec<String> {
    let four = [user; 4].map(|id| id.to_string()).join(" ");
    let none = "0".repeat(16);
    let expected = [
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("Uid", &four),
        ("Gid", &four),
        ("CapInh", &none),
        ("CapPrm", &none),
        ("CapEff", &none),
        ("CapAmb", &none),
    ];
    let mut kept: Vec<_> = expected
        .iter()
        .filter(|(name, value)| status.get(*name).is_none_or(|found| found != value))
        .map(|(name, value)| format!("{name}: {:?}, not {value}", status.get(*name)))
        .collect();
    let groups = status.get("Groups").map(String::as_str).unwrap_or("?");
    if !["", &user.to_string()].contains(&groups) {
        kept.push(format!("Groups: {groups}"));
    }
    kept
}
