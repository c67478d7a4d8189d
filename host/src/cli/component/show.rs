//! One component in words, for whoever decides on it.

use std::io::{self, Write};

use serde_json::Value;

use crate::cli::output::{cell, plain, when};

/// Everything, rule by rule.
pub(super) fn whole(out: &mut dyn Write, one: &Value) -> io::Result<()> {
    let about = &one["about"];
    head(out, one)?;
    field(out, "state", &cell(&one["state"]))?;
    if let Some(problem) = one["problem"].as_str() {
        writeln!(out, "problem:  {}", crate::cli::output::plain_lines(problem))?;
    }
    let approved = &one["approved"];
    if !approved.is_null() {
        field(
            out,
            "approved",
            &format!("{}, by {}", when(&approved["at_ms"]), cell(&approved["by"])),
        )?;
    }
    field(out, "hash", &cell(&one["hash"]))?;
    if about.is_null() {
        return Ok(());
    }
    // A native kind has none.
    if about["wasm_bytes"] != 0 {
        field(out, "wasm", &format!("{}, {} bytes", cell(&about["sha256"]), about["wasm_bytes"]))?;
    }
    field(out, "world", &cell(&about["world"]))?;
    for origin in list(&about["origins"]) {
        let methods = joined(&origin["methods"]);
        let methods = if methods.is_empty() { "any method".to_owned() } else { methods };
        let (url, path) = (cell(&origin["url"]), cell(&origin["path"]));
        field(out, "origin", &format!("{url}: {methods}; paths from {path}"))?;
    }
    for target in list(&about["targets"]) {
        field(out, "target", &cell(target))?;
    }
    for folder in list(&about["folders"]) {
        let [name, setting, access] = ["name", "setting", "access"].map(|key| cell(&folder[key]));
        field(out, "folder", &format!("{name}: {access}, where `{setting}` says"))?;
    }
    for secret in list(&about["secrets"]) {
        field(out, "secret", &of_secret(secret))?;
    }
    for token in list(&about["oauth2"]) {
        let [name, url] = ["name", "token_url"].map(|key| cell(&token[key]));
        let (to, places) = (joined(&token["bound_to"]), joined(&token["places"]));
        field(out, "oauth2", &format!("{name}, from {url}: to {to}, in {places}"))?;
    }
    field(out, "limits", &format!("{} ms for one delivery", about["deliver_ms"]))?;
    for import in list(&about["imports"]) {
        field(out, "import", &cell(import))?;
    }
    does(out, one)
}

/// What somebody is asked to approve.
pub(super) fn asked(out: &mut dyn Write, one: &Value) -> io::Result<()> {
    head(out, one)?;
    field(out, "hash", &cell(&one["hash"]))?;
    does(out, one)
}

fn head(out: &mut dyn Write, one: &Value) -> io::Result<()> {
    let about = &one["about"];
    let name = plain(&cell(&one["name"]));
    match about["title"].as_str() {
        Some(title) => {
            writeln!(out, "{name}: {}", plain(title))?;
            writeln!(out, "{}", plain(&cell(&about["summary"])))
        }
        None => writeln!(out, "{name}"),
    }
}

fn does(out: &mut dyn Write, one: &Value) -> io::Result<()> {
    let lines = list(&one["does"]);
    if !lines.is_empty() {
        writeln!(out, "\nIt")?;
    }
    for line in lines {
        writeln!(out, "- {}", plain(&cell(line)))?;
    }
    let changes = &one["changes"];
    if changes.is_null() {
        return Ok(());
    }
    let before = cell(&changes["before"]);
    let (added, removed) = (list(&changes["added"]), list(&changes["removed"]));
    writeln!(out, "\nAgainst {}, which was approved before, it", plain(&before))?;
    if added.is_empty() && removed.is_empty() {
        writeln!(out, "  may do the same")?;
    }
    let signed = added.iter().map(|line| ('+', line)).chain(removed.iter().map(|line| ('-', line)));
    for (sign, line) in signed {
        writeln!(out, "{sign} {}", plain(&cell(line)))?;
    }
    Ok(())
}

fn of_secret(secret: &Value) -> String {
    let [setting, form] = ["setting", "form"].map(|key| cell(&secret[key]));
    let [to, places, signs] = ["bound_to", "places", "signs_into"].map(|key| joined(&secret[key]));
    let decode = secret["decode"].as_str().map(|it| format!(", {it}")).unwrap_or_default();
    let places = if signs.is_empty() { places } else { format!("{places}, signing into {signs}") };
    format!("{setting} ({form}{decode}): to {to}, in {places}")
}

fn field(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    if value.is_empty() {
        return Ok(());
    }
    let name = format!("{name}:");
    writeln!(out, "{name:9} {}", plain(value))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn joined(value: &Value) -> String {
    list(value).iter().map(cell).collect::<Vec<_>>().join(", ")
}
