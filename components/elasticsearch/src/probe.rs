//! Is it there, which version is it, are the credentials good, and may they write? Stores nothing.

use campanile_guest::{
    Certainty, Failure, Fault, Finding, HttpError, Method, Request, Response, Scope, Verdict, json,
};
use serde::Deserialize;

use crate::answer;
use crate::message;
use crate::settings::{Auth, Product, Settings};

/// What is asked for, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Who is there. Needs the privilege `monitor`, which credentials that only write do not have.
    Root,
    /// Whose credentials these are. Any credentials that are good may ask.
    Who,
    /// Whether they may write there.
    Rights { index: String },
}

impl Asked {
    pub(crate) fn request(&self, url: &str, authorization: &Option<String>) -> Request {
        let (method, path) = match self {
            Self::Root => (Method::Get, "/"),
            Self::Who => (Method::Get, "/_security/_authenticate"),
            Self::Rights { .. } => (Method::Post, "/_security/user/_has_privileges"),
        };
        let mut request = message::bare(method, format!("{url}{path}"));
        request.headers.extend(authorization.clone().map(|one| ("authorization".to_owned(), one)));
        if let Self::Rights { index } = self {
            request.headers.push(("content-type".to_owned(), "application/json".to_owned()));
            request.body = format!(
                r#"{{"index":[{{"names":[{}],"privileges":["create_doc","auto_configure"]}}]}}"#,
                json::string(index)
            )
            .into_bytes();
        }
        request
    }
}

/// Looks at the server, and with a recipient's settings at its target too.
pub(crate) fn look(
    settings: &Settings,
    scope: Scope,
    mut ask: impl FnMut(Asked) -> Result<Response, HttpError>,
) -> Result<Finding, Failure> {
    let mut seen = Seen::default();
    let root = ask(Asked::Root)?;
    match root.status {
        200 => match serde_json::from_slice::<Root>(&root.body) {
            Ok(root) => seen.root(&root, settings, scope)?,
            Err(_) => {
                return Ok(Finding {
                    certainty: Certainty::Reachable,
                    summary: "something answers at `url`, but not as Elasticsearch or OpenSearch \
                              does"
                        .into(),
                    facts: vec![("status".into(), "200".into())],
                });
            }
        },
        403 if settings.auth != Auth::None => {
            let who = ask(Asked::Who)?;
            match who.status {
                200 => seen.who(&who),
                // There is no such question here, so the first answer counts.
                400 | 404 | 405 | 500 => return Err(failure(&root)),
                _ => return Err(failure(&who)),
            }
        }
        _ => return Err(failure(&root)),
    }
    let mut certainty = Certainty::Likely;
    if scope == Scope::Recipient && settings.product != Product::OpenSearch {
        let index = settings.target.pattern().into_owned();
        let rights = ask(Asked::Rights { index: index.clone() })?;
        certainty = seen.rights(&rights, &index)?;
    } else if scope == Scope::Recipient {
        seen.say("whether they may write is not told");
    }
    Ok(Finding { certainty, summary: seen.said.join("; "), facts: seen.facts })
}

/// What was found out so far.
#[derive(Default)]
struct Seen {
    said: Vec<String>,
    facts: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Root {
    version: Version,
}

#[derive(Deserialize)]
struct Version {
    number: String,
    distribution: Option<String>,
}

#[derive(Deserialize)]
struct Who {
    username: String,
}

#[derive(Deserialize)]
struct Rights {
    index: std::collections::BTreeMap<String, Right>,
}

#[derive(Deserialize)]
struct Right {
    create_doc: bool,
    auto_configure: bool,
}

impl Seen {
    fn say(&mut self, what: &str) {
        self.said.push(what.to_owned());
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.facts.push((name.to_owned(), value.to_owned()));
    }

    fn root(&mut self, root: &Root, settings: &Settings, scope: Scope) -> Result<(), Failure> {
        let number = root.version.number.as_str();
        let is_opensearch = root.version.distribution.as_deref() == Some("opensearch");
        let name = if is_opensearch { "OpenSearch" } else { "Elasticsearch" };
        self.fact("product", name);
        self.fact("version", number);
        let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
        let version = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if !is_opensearch && version.0 < 7 {
            let detail = format!("this is Elasticsearch {number}; 7 or newer is needed");
            return Err(misconfigured(Scope::Endpoint, "version", detail));
        }
        let product = match (is_opensearch, version) {
            (true, _) => "opensearch",
            (false, (8, 13..) | (9.., _)) => "elasticsearch",
            (false, _) => "elasticsearch_before_8_13",
        };
        self.say(&format!("{name} {number}"));
        if settings.product == Product::Elasticsearch && product != "elasticsearch" {
            let advice = format!("set `product` to `{product}`, else data streams are refused");
            if scope == Scope::Recipient && settings.requires_data_stream() {
                let detail = format!("this is {name} {number}; {advice}");
                return Err(misconfigured(Scope::Endpoint, "product", detail));
            }
            self.say(&advice);
        }
        if settings.auth == Auth::None {
            self.say("it asks for no credentials");
        } else {
            self.say("the credentials are good");
        }
        Ok(())
    }

    fn who(&mut self, answer: &Response) {
        if let Ok(Who { username }) = serde_json::from_slice(&answer.body) {
            self.fact("username", &username);
        }
        self.say("the credentials are good");
        self.say("the version is unknown, since they may not ask for it");
    }

    fn rights(&mut self, answer: &Response, index: &str) -> Result<Certainty, Failure> {
        let rights = match answer.status {
            200 => serde_json::from_slice::<Rights>(&answer.body).ok(),
            // Security is off, or this is OpenSearch, which has no such question.
            400 | 404 | 405 | 500 => None,
            _ => return Err(failure(answer)),
        };
        let Some(right) = rights.as_ref().and_then(|rights| rights.index.get(index)) else {
            self.say("whether they may write is not told");
            return Ok(Certainty::Likely);
        };
        self.fact("create_doc", &right.create_doc.to_string());
        self.fact("auto_configure", &right.auto_configure.to_string());
        if !right.create_doc {
            let detail =
                format!("the credentials may not write to `{index}`; give them `create_doc` there");
            return Err(misconfigured(Scope::Recipient, "create_doc", detail));
        }
        if right.auto_configure {
            self.say(&format!("they may write to `{index}`"));
            return Ok(Certainty::Proven);
        }
        self.say(&format!(
            "they may write to `{index}`, but not make it: without `auto_configure` it has to be \
             there"
        ));
        Ok(Certainty::Likely)
    }
}

fn misconfigured(scope: Scope, code: &str, detail: String) -> Failure {
    Failure::Misconfigured(Fault::new(scope, code, detail))
}

/// An answer that is no success, as `deliver` reads it.
fn failure(answer: &Response) -> Failure {
    match answer::refused(answer, None).verdicts.pop() {
        Some(Verdict::Failed(failure)) => failure,
        _ => misconfigured(Scope::Endpoint, &answer.status.to_string(), answer.excerpt()),
    }
}

#[cfg(test)]
mod tests;
