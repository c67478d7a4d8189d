//! What the commands for endpoints and recipients have in common: both are objects with a name.

use std::io::{self, Write};
use std::path::PathBuf;

use hyper::StatusCode;
use hyper::header;
use serde_json::{Map, Value, json};

use super::assign::{self, AssignError, Assigned};
use super::client::{Ask, Client, Target, segment};
use super::output::{self, cell, plain, when};
use super::pages::Pages;
use super::{Exit, Failure, setup};

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    Endpoint,
    Recipient,
}

impl What {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Recipient => "recipient",
        }
    }

    pub(super) fn pages(self) -> Pages {
        let (path, key) = match self {
            Self::Endpoint => ("/v1/endpoints", "endpoints"),
            Self::Recipient => ("/v1/recipients", "recipients"),
        };
        Pages { path, key, cursor: "after" }
    }

    fn path(self, name: &str) -> String {
        format!("{}/{}", self.pages().path, segment(name))
    }

    pub(super) async fn get(self, client: &Client, name: &str) -> Result<Value, Failure> {
        client.get(&self.path(name)).await?.good()
    }

    pub(super) async fn create(self, client: &Client, written: &Value) -> Result<Value, Failure> {
        client.ask(Ask::post(self.pages().path, written)).await?.good()
    }

    /// Reads the object, lets `edit` change it, and writes it unless somebody else did meanwhile.
    pub(super) async fn change(
        self,
        client: &Client,
        name: &str,
        edit: impl FnOnce(&mut Value) -> Result<(), Failure>,
    ) -> Result<Value, Failure> {
        let read = client.get(&self.path(name)).await?;
        let version = read.version().map(str::to_owned);
        let read = read.good()?;
        let version = version.unwrap_or_else(|| format!("\"{}\"", cell(&read["revision"])));
        // What may be written; the rest is what the engine knows about it.
        let fields: &[&str] = match self {
            Self::Endpoint => &["kind", "settings"],
            Self::Recipient => &["endpoint", "filter", "settings", "templates"],
        };
        let mut written: Value = fields
            .iter()
            .filter(|field| !read[**field].is_null())
            .map(|field| ((*field).to_owned(), read[*field].clone()))
            .collect();
        edit(&mut written)?;
        let ask = Ask::put(&self.path(name), &written).with(header::IF_MATCH, &version);
        let answer = client.ask(ask).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            let text = format!(
                "{} `{name}` changed meanwhile, so nothing was written; look at it with `campanile \
                 {0} show {name}`, then run this again",
                self.word()
            );
            return Err(Failure::says(Exit::Refused, text));
        }
        answer.good()
    }

    pub(super) async fn remove(self, client: &Client, name: &str) -> Result<(), Failure> {
        client.ask(Ask::delete(&self.path(name))).await?.good().map(|_| ())
    }

    pub(super) async fn pause(self, client: &Client, args: &PauseArgs) -> Result<Value, Failure> {
        let body = args.detail.as_ref().map_or(json!({}), |detail| json!({ "detail": detail }));
        let path = format!("{}/pause", self.path(&args.name));
        client.ask(Ask::post(&path, &body)).await?.good()
    }

    pub(super) async fn resume(self, client: &Client, name: &str) -> Result<Value, Failure> {
        let path = format!("{}/resume", self.path(name));
        client.ask(Ask::post(&path, &json!({}))).await?.good()
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// Its name
    #[arg(value_parser = read_name)]
    pub(super) name: String,
    #[command(flatten)]
    pub(super) target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    /// Its name
    #[arg(value_parser = read_name)]
    pub(super) name: String,
    /// Why, for whoever finds it paused
    #[arg(long, value_name = "TEXT")]
    pub(super) detail: Option<String>,
    #[command(flatten)]
    pub(super) target: Target,
}

#[derive(Debug, clap::Args)]
pub(super) struct SettingsFile {
    /// File with settings, as a TOML table or a JSON object; `-` is stdin. For secrets, which other
    /// users of this machine could read off a command line
    #[arg(long, value_name = "FILE")]
    settings_file: Option<PathBuf>,
    /// A setting whose value is the text in FILE, without the end of its last line; `-` is stdin. May
    /// be given again
    #[arg(long = "secret", value_name = "KEY=FILE", value_parser = read_secret)]
    secrets: Vec<SecretFile>,
}

/// A setting, and the file that its value is in.
#[derive(Clone, Debug)]
struct SecretFile {
    key: String,
    file: PathBuf,
}

fn read_secret(text: &str) -> Result<SecretFile, String> {
    let is_key = |key: &str| key.split('.').all(|part| !part.is_empty());
    match text.split_once('=') {
        Some((key, file)) if is_key(key) && !file.is_empty() => {
            Ok(SecretFile { key: key.to_owned(), file: file.into() })
        }
        _ => Err("expected a setting and a file, such as `password=/run/secrets/hook`".to_owned()),
    }
}

impl SecretFile {
    fn value(&self) -> Result<Value, Failure> {
        let text = String::from_utf8(super::read_input(&self.file)?).unwrap_or_default();
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            let text = format!("`{}`: expected a text of UTF-8 in it", self.file.display());
            return Err(Failure::says(Exit::Failed, text));
        }
        Ok(value.into())
    }
}

impl SettingsFile {
    pub(super) fn is_given(&self) -> bool {
        self.settings_file.is_some() || !self.secrets.is_empty()
    }

    /// Lays the file's settings over `object.settings`, then those that are assigned, then secrets,
    /// and takes out those of `unset`.
    pub(super) fn lay(
        &self,
        assigned: &[Assigned],
        unset: &[String],
        object: &mut Value,
    ) -> Result<(), Failure> {
        let settings = table(object, "settings")?;
        if let Some(file) = &self.settings_file {
            settings.extend(setup::settings(file)?);
        }
        assign::settings(assigned, settings)?;
        for one in &self.secrets {
            assign::set(&one.key, one.value()?, settings)?;
        }
        unset.iter().try_for_each(|key| assign::unset(key, settings))?;
        Ok(())
    }
}

/// The table `key` of an object, made where it is missing.
pub(super) fn table<'a>(
    object: &'a mut Value,
    key: &str,
) -> Result<&'a mut Map<String, Value>, AssignError> {
    let whole = || AssignError::NotTable { key: key.to_owned(), part: key.to_owned() };
    object
        .as_object_mut()
        .ok_or_else(whole)?
        .entry(key)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(whole)
}

/// A name as the engine takes it, so that it cannot be anything else in a path.
pub(super) fn read_name(text: &str) -> Result<String, String> {
    let is_name = (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_name {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 64 of `A-Z a-z 0-9 . _ -`, a letter or digit first".to_owned())
    }
}

/// One line on how an object stands after a command, and what is wrong with it.
pub(super) fn standing(out: &mut dyn Write, what: What, object: &Value) -> io::Result<()> {
    let (name, state) = (plain(&cell(&object["name"])), plain(&cell(&object["state"])));
    write!(out, "{} {name} is {state}", what.word())?;
    let detail = cell(&object["pause"]["detail"]);
    if detail.is_empty() {
        writeln!(out)?
    } else {
        writeln!(out, ": {}", plain(&detail))?
    }
    problems(out, object)
}

/// All about an object but its settings.
pub(super) fn about(out: &mut dyn Write, object: &Value) -> io::Result<()> {
    output::field(out, "state", &cell(&object["state"]))?;
    let pause = &object["pause"];
    if !pause.is_null() {
        let since = when(&pause["since_ms"]);
        let detail = [cell(&pause["code"]), cell(&pause["detail"])];
        let detail = detail.iter().filter(|it| !it.is_empty()).cloned().collect::<Vec<_>>();
        let by = cell(&pause["by"]);
        output::field(out, "paused", &format!("by {by} since {since}: {}", detail.join(": ")))?;
    }
    problems(out, object)?;
    output::field(out, "set", &cell(&object["apply_set"]))?;
    output::field(out, "revision", &cell(&object["revision"]))?;
    output::field(out, "created", &when(&object["created_ms"]))?;
    output::field(out, "changed", &when(&object["changed_ms"]))
}

fn problems(out: &mut dyn Write, object: &Value) -> io::Result<()> {
    for one in object["problems"].as_array().into_iter().flatten() {
        writeln!(out, "  problem: {}", plain(&super::client::place(one)))?;
    }
    Ok(())
}

/// The settings of an object, by what its kind says of them: secrets do not show.
pub(super) async fn settings(
    out: &mut (dyn Write + Send),
    client: &Client,
    kind: &str,
    object: &Value,
) -> Result<(), Failure> {
    let Some(settings) = object["settings"].as_object().filter(|it| !it.is_empty()) else {
        return Ok(());
    };
    let kind = client.get(&format!("/v1/kinds/{}", segment(kind))).await?;
    // A kind that is gone does not say what is secret, so nothing shows.
    let kind = kind.status.is_success().then_some(kind.body);
    writeln!(out, "settings:")?;
    for (key, value) in settings {
        let value = match &kind {
            Some(kind) if !is_secret(kind, key) => value.to_string(),
            _ => secret(value),
        };
        writeln!(out, "  {} = {}", plain(key), plain(&value))?;
    }
    if kind.is_none() {
        writeln!(out, "  (which are secret is not known without the kind)")?;
    }
    Ok(())
}

/// What is shown of a secret: where a URL leads, and which values an object has.
fn secret(value: &Value) -> String {
    match value.as_object() {
        Some(marker) if marker.contains_key("origin") => {
            format!("(secret) {}", cell(&marker["origin"]))
        }
        Some(object) if !object.contains_key("secret") => {
            let names: Vec<_> = object.keys().map(String::as_str).collect();
            format!("(secret) {}", names.join(", "))
        }
        _ => "(secret)".to_owned(),
    }
}

fn is_secret(kind: &Value, setting: &str) -> bool {
    ["endpoint_schema", "recipient_schema"]
        .iter()
        .any(|schema| kind[*schema]["properties"][setting]["writeOnly"] == true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path() {
        let long = "x".repeat(65);
        let table = [
            ("ops", true),
            ("9.a_b-C", true),
            (&long[1..], true),
            (&long, false),
            ("", false),
            ("..", false),
            ("a/b", false),
            ("a?b", false),
            ("é", false),
        ];
        for (name, expected) in table {
            assert_eq!(read_name(name).is_ok(), expected, "{name:?}");
        }
    }
}
