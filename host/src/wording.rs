//! Titles and texts as a recipient words them: templates over the alert, rendered before `format`.
//!
//! Promise: a template can neither compute for long nor make much of little: fuel pays for each step
//! and for each byte that is read, made or written, before it is; depth and output are bounded. One
//! that fails for an alert leaves that alert as it is: a wording never costs a message.
//!
//! Not here: what a service shows of a title and a text, and its markup (`components`).

mod scope;

use std::fmt;
use std::io;
use std::sync::Arc;

use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alert::Alert;
use crate::config::Problem;
use crate::delivery::Delivery;

/// Of one template.
const TEMPLATE_BYTES_MAX: usize = 4 << 10;
const TITLE_BYTES_MAX: usize = 1 << 10;
const TEXT_BYTES_MAX: usize = 16 << 10;
/// Of one rendering: as many steps, or 64 bytes each.
const FUEL: u64 = 20_000;
/// Blocks within blocks.
const DEPTH_MAX: usize = 16;

/// Words of a recipient's own, each a template; what is left out stays as the producer wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WordingSettings {
    /// One line. At most 4 KiB; what it renders to is cut at 1 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub title: Option<String>,
    /// At most 4 KiB; what it renders to is cut at 16 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 4096)]
    pub text: Option<String>,
}

impl WordingSettings {
    pub fn is_empty(&self) -> bool {
        self.title.is_none() && self.text.is_none()
    }
}

/// Compiled templates of one recipient.
#[derive(Default)]
pub struct Wording {
    /// `None`: it has none.
    environment: Option<Environment<'static>>,
    source: String,
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wording({})", if self.environment.is_some() { "some" } else { "none" })
    }
}

/// Names of the templates, as settings have them.
const TITLE: &str = "title";
const TEXT: &str = "text";

impl Wording {
    /// All that is wrong with the templates, places within them. Each is tried on an alert that has
    /// everything.
    pub fn compile(settings: &WordingSettings) -> Result<Self, Vec<Problem>> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let mut environment = environment();
        let mut problems = Vec::new();
        for (name, template) in [(TITLE, &settings.title), (TEXT, &settings.text)] {
            let Some(template) = template else { continue };
            if let Err(expected) = add(&mut environment, name, template) {
                problems.push(Problem { place: name.to_owned(), expected });
            }
        }
        if problems.is_empty() {
            let source = format!("{settings:?}");
            Ok(Self { environment: Some(environment), source })
        } else {
            Err(problems)
        }
    }

    /// What tells it from another; empty where there are no templates.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The deliveries with their alerts worded; `None`: there are no templates. Others have their
    /// turn between two alerts.
    pub async fn applied(&self, deliveries: &[Delivery], zone: &TimeZone) -> Option<Vec<Delivery>> {
        let environment = self.environment.as_ref()?;
        let mut all = Vec::with_capacity(deliveries.len());
        for one in deliveries {
            let alert = Arc::new(worded(environment, &one.alert, zone));
            all.push(Delivery { alert, ..one.clone() });
            tokio::task::yield_now().await;
        }
        Some(all)
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH_MAX);
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.add_filter("truncate", truncate);
    environment
}

/// `Err` says what was expected, for people.
fn add(
    environment: &mut Environment<'static>,
    name: &'static str,
    template: &str,
) -> Result<(), String> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("expected a template of at most {TEMPLATE_BYTES_MAX} bytes"));
    }
    let fault = |error: &minijinja::Error| {
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        format!("expected a template that works; {line}{detail}")
    };
    environment.add_template_owned(name, template.to_owned()).map_err(|error| fault(&error))?;
    let compiled = environment.get_template(name).map_err(|error| fault(&error))?;
    let sample = scope::sample();
    let mut unknown: Vec<_> = compiled.undeclared_variables(true).into_iter().collect();
    unknown.sort();
    if let Some(unknown) = unknown.iter().find(|path| !scope::is_known(&sample, path)) {
        return Err(format!(
            "expected fields of an alert; there is no `{unknown}`, there are {}",
            scope::names(&sample).join(", ")
        ));
    }
    render(environment, name, &sample, usize::MAX).map_err(|error| fault(&error)).map(drop)
}

/// The first so many characters, the last of them an ellipsis where there are more.
fn truncate(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).collect::<String>() + ELLIPSIS
}

fn worded(environment: &Environment<'static>, alert: &Alert, zone: &TimeZone) -> Alert {
    let scope = scope::of(alert, zone);
    let mut worded = alert.clone();
    for (name, bytes_max, into) in
        [(TITLE, TITLE_BYTES_MAX, &mut worded.title), (TEXT, TEXT_BYTES_MAX, &mut worded.text)]
    {
        if environment.get_template(name).is_err() {
            continue;
        }
        match render(environment, name, &scope, bytes_max) {
            Ok(rendered) => *into = rendered,
            Err(error) => tracing::debug!(
                template = name,
                alert = %alert.id,
                problem = %error.kind(),
                "A template failed; the alert keeps its own words."
            ),
        }
    }
    worded
}

fn render(
    environment: &Environment<'static>,
    name: &str,
    scope: &serde_json::Value,
    bytes_max: usize,
) -> Result<String, minijinja::Error> {
    let mut to = Bounded { text: Vec::new(), bytes_max, is_full: false };
    let template = environment.get_template(name)?;
    let rendered = template.render_captured_to(Serde(scope), &mut to).map(drop);
    if to.is_full {
        let cut = String::from_utf8_lossy(&to.text).into_owned();
        let end = cut.floor_char_boundary(bytes_max.saturating_sub(ELLIPSIS.len()));
        return Ok(format!("{}{ELLIPSIS}", &cut[..end]));
    }
    rendered?;
    let text = String::from_utf8_lossy(&to.text).into_owned();
    // A title is one line.
    let words = || text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(if name == TITLE { words() } else { text })
}

const ELLIPSIS: &str = "\u{2026}";

/// Takes so many bytes and no more.
struct Bounded {
    text: Vec<u8>,
    bytes_max: usize,
    is_full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max - self.text.len();
        if bytes.len() > room {
            self.text.extend_from_slice(&bytes[..room]);
            self.is_full = true;
            return Err(io::Error::other("the output is full"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
