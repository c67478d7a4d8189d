//! From files to the JSON that the engine takes.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::cli::{Exit, Failure, read_input};
use crate::config::syntax_found;

/// What a file may have at its top.
const SORTS: [&str; 2] = ["endpoint", "recipient"];

/// All files as one setup: `{"endpoint": {NAME: ..}, "recipient": {NAME: ..}}`.
pub(in crate::cli) fn read(files: &[PathBuf]) -> Result<Value, Failure> {
    let mut texts = Vec::with_capacity(files.len());
    for file in files {
        texts.push((shown(file), text(file)?));
    }
    join(&texts).map_err(|error| Failure::new(Exit::Failed, error))
}

/// A file of settings alone: a TOML table, or a JSON object.
pub(in crate::cli) fn settings(file: &Path) -> Result<Map<String, Value>, Failure> {
    let read = read_settings(&shown(file), &text(file)?);
    read.map_err(|error| Failure::new(Exit::Failed, error))
}

#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("`{file}` is not {format} at line {line}, column {column}: {found}")]
    Syntax { file: String, format: &'static str, line: usize, column: usize, found: String },

    #[error("the files cannot be used:{problems}", problems = Lines(.0))]
    Wrong(Vec<String>),
}

struct Lines<'a>(&'a [String]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|one| write!(f, "\n  {one}"))
    }
}

/// `texts`: each file's name and content.
pub(super) fn join(texts: &[(String, String)]) -> Result<Value, SetupError> {
    let mut sorts = SORTS.map(|sort| (sort, Map::new()));
    let mut origins: HashMap<(&str, String), &str> = HashMap::new();
    let mut problems = Vec::new();
    for (file, text) in texts {
        let mut top = table(file, text)?;
        for (sort, entries) in &mut sorts {
            let list = match top.remove(*sort) {
                None => continue,
                Some(toml::Value::Table(list)) => list,
                Some(_) => {
                    problems.push(format!(
                        "{file}: {sort}: expected tables with their names; write `[{sort}.NAME]`, \
                         then `[{sort}.NAME.settings]`"
                    ));
                    continue;
                }
            };
            for (name, entry) in list {
                let place = format!("{file}: {sort}.{name}");
                match (entry, origins.get(&(*sort, name.clone()))) {
                    (toml::Value::Table(_), Some(other)) => problems.push(format!(
                        "{place}: expected a name of its own; {other} has it too, take one out"
                    )),
                    (entry @ toml::Value::Table(_), None) => {
                        match json(entry) {
                            Ok(entry) => _ = entries.insert(name.clone(), entry),
                            Err(expected) => problems.push(format!("{place}: {expected}")),
                        }
                        origins.insert((sort, name), file);
                    }
                    _ => problems
                        .push(format!("{place}: expected a table; write `[{sort}.NAME]` above it")),
                }
            }
        }
        problems.extend(top.keys().map(|key| {
            format!(
                "{file}: {key}: expected `[endpoint.NAME]` and `[recipient.NAME]` only; settings \
                 of the engine itself stand in its own configuration, see --config"
            )
        }));
    }
    if !problems.is_empty() {
        return Err(SetupError::Wrong(problems));
    }
    let filled = sorts.into_iter().filter(|(_, entries)| !entries.is_empty());
    Ok(filled.map(|(sort, entries)| (sort.to_owned(), Value::Object(entries))).collect())
}

pub(super) fn read_settings(file: &str, text: &str) -> Result<Map<String, Value>, SetupError> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| SetupError::Syntax {
            file: file.to_owned(),
            format: "JSON",
            line: error.line(),
            column: error.column(),
            // Not the parser's own words: they can quote what they found.
            found: "expected one JSON object; correct it".to_owned(),
        });
    }
    match json(toml::Value::Table(table(file, text)?)) {
        Ok(Value::Object(settings)) => Ok(settings),
        Ok(_) => Ok(Map::new()),
        Err(expected) => Err(SetupError::Wrong(vec![format!("{file}: {expected}")])),
    }
}

fn table(file: &str, text: &str) -> Result<toml::Table, SetupError> {
    text.parse::<toml::Table>().map_err(|error| {
        let (line, column) = position(text, error.span().map_or(0, |span| span.start));
        let (file, found) = (file.to_owned(), syntax_found(&error).to_owned());
        SetupError::Syntax { file, format: "TOML", line, column, found }
    })
}

fn json(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or("expected a finite number, since JSON has no other")?,
        toml::Value::Boolean(truth) => truth.into(),
        // JSON has no dates.
        toml::Value::Datetime(date) => Value::String(date.to_string()),
        toml::Value::Array(list) => {
            Value::Array(list.into_iter().map(json).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| match json(value) {
                    Ok(value) => Ok((key, value)),
                    Err(expected) => Err(format!("`{key}`: {expected}")),
                })
                .collect::<Result<_, _>>()?,
        ),
    })
}

/// Line and column, both from 1, of a byte offset; columns are characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

fn text(file: &Path) -> Result<String, Failure> {
    String::from_utf8(read_input(file)?).map_err(|_| {
        let text = format!("`{}` is not text in UTF-8; save it as that", shown(file));
        Failure::says(Exit::Failed, text)
    })
}

fn shown(file: &Path) -> String {
    if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() }
}
