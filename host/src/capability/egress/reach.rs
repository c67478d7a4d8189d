//! From what a component asks for and what an endpoint's settings name to the origins it reaches.

use serde_json::{Map, Value};
use url::Url;

use super::{
    Methods, Origin, OriginError, OriginGrant, PathError, PathPrefix, Reach, Target, TargetError,
};

/// An origin that a manifest asks for.
#[derive(Clone, Copy, Debug)]
pub struct AskedOrigin<'a> {
    /// Exact, or with endpoint settings in braces.
    pub url: &'a str,
    pub methods: Methods,
    pub path: &'a str,
}

/// What an endpoint reaches: the templates of `describe` that the manifest asks for too, as
/// origins or as targets, filled with the endpoint's settings. A template whose settings are not
/// set leads nowhere, as long as another leads somewhere. A recipient's settings have no part in it.
pub fn reach(
    described: &[String],
    asked_origins: &[AskedOrigin<'_>],
    asked_targets: &[&str],
    settings: &Map<String, Value>,
) -> Result<Reach, ReachError> {
    let mut reach = Reach::default();
    for template in leading(described, settings) {
        let of_origin = asked_origins.iter().filter(|asked| asked.url == *template);
        let mut is_asked = false;
        for asked in of_origin {
            is_asked = true;
            let odd = |source| ReachError::Path { template: template.clone(), source };
            let granted = OriginGrant {
                origin: origin(template, settings)?,
                methods: asked.methods,
                path: PathPrefix::parse(asked.path).map_err(odd)?,
            };
            if !reach.origins.contains(&granted) {
                reach.origins.push(granted);
            }
        }
        if asked_targets.contains(&template.as_str()) {
            is_asked = true;
            let wrong = |source| ReachError::Target { template: template.clone(), source };
            let target = Target::parse(&fill(template, settings)?).map_err(wrong)?;
            if !reach.targets.contains(&target) {
                reach.targets.push(target);
            }
        }
        if !is_asked {
            return Err(ReachError::NotInManifest { template: template.clone() });
        }
    }
    Ok(reach)
}

/// The templates whose settings are all set; if there is none, all of them, to be told what is
/// missing.
fn leading<'a>(templates: &'a [String], settings: &Map<String, Value>) -> Vec<&'a String> {
    let is_set = |one: &&String| !matches!(fill(one, settings), Err(ReachError::Missing { .. }));
    let set: Vec<_> = templates.iter().filter(is_set).collect();
    if set.is_empty() { templates.iter().collect() } else { set }
}

/// The settings with the texts and numbers that a kind's schema says are meant where there is none.
pub fn with_defaults(settings: &Map<String, Value>, schema: &Value) -> Map<String, Value> {
    let mut whole = settings.clone();
    for (name, about) in schema["properties"].as_object().into_iter().flatten() {
        let default = &about["default"];
        let is_said = default.is_number() || default.as_str().is_some_and(|text| !text.is_empty());
        let is_set = whole.get(name).is_some_and(|value| value != "");
        if is_said && !is_set {
            whole.insert(name.clone(), default.clone());
        }
    }
    whole
}

fn origin(template: &str, settings: &Map<String, Value>) -> Result<Origin, ReachError> {
    let template = || template.to_owned();
    let url = fill(&template(), settings)?;
    let url = Url::parse(&url).map_err(|_| ReachError::NotUrl { template: template() })?;
    Origin::of(&url).map_err(|source| ReachError::Origin { template: template(), source })
}

/// The template with the settings that it names.
pub fn fill(template: &str, settings: &Map<String, Value>) -> Result<String, ReachError> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after
            .split_once('}')
            .ok_or_else(|| ReachError::NotUrl { template: template.to_owned() })?;
        filled.push_str(before);
        match settings.get(name) {
            Some(Value::String(text)) if !text.is_empty() => {
                let text = after_scheme(&filled, text);
                filled.push_str(text);
            }
            Some(Value::Number(number)) => filled.push_str(&number.to_string()),
            _ => return Err(ReachError::Missing { setting: name.to_owned() }),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// A host may be written as a URL, `smtp://mail.example`: the template says how it is spoken to.
fn after_scheme<'t>(filled: &str, text: &'t str) -> &'t str {
    match text.split_once("://") {
        Some((_, host)) if filled.ends_with("://") => host,
        _ => text,
    }
}

/// Why an endpoint's reach is not known. Names settings, never their values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReachError {
    #[error("the setting `{setting}` is missing; the component needs it to know where to send")]
    Missing { setting: String },
    #[error("`{template}` with the settings filled in is not a URL; correct the settings it names")]
    NotUrl { template: String },
    #[error("`{template}` with the settings filled in: {source}")]
    Origin { template: String, source: OriginError },
    #[error("`{template}` with the settings filled in: {source}")]
    Target { template: String, source: TargetError },
    #[error("the manifest's path at `{template}`: {source}")]
    Path { template: String, source: PathError },
    #[error("the component describes a reach of `{template}`, which its manifest does not ask for")]
    NotInManifest { template: String },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The origins that these templates lead to; the manifest asks for `asked`.
    fn origins(
        described: &[&str],
        asked: &[&str],
        settings: &Map<String, Value>,
    ) -> Result<Vec<String>, ReachError> {
        let described: Vec<_> = described.iter().map(|one| (*one).to_owned()).collect();
        let whole = |url| AskedOrigin { url, methods: Methods::ALL, path: "/" };
        let asked: Vec<_> = asked.iter().copied().map(whole).collect();
        let reach = reach(&described, &asked, &[], settings)?;
        Ok(reach.origins.iter().map(|one| one.origin.to_string()).collect())
    }

    fn reached(template: &str, settings: &str) -> Result<Vec<String>, ReachError> {
        let settings = serde_json::from_str(settings).unwrap();
        let asked = ["{url}", "https://{host}:{port}", "{url", "https://api.example"];
        origins(&[template], &asked, &settings)
    }

    #[test]
    fn a_reach_is_what_the_endpoints_settings_name_and_the_manifest_asks_for() {
        let missing = |setting: &str| Err(ReachError::Missing { setting: setting.to_owned() });
        let table = [
            ("{url}", r#"{"url":"http://127.0.0.1:9/hook"}"#, Ok("http://127.0.0.1:9")),
            (
                "https://{host}:{port}",
                r#"{"host":"a.example","port":8443}"#,
                Ok("https://a.example:8443"),
            ),
            (
                "https://{host}:{port}",
                r#"{"host":"smtps://a.example","port":8443}"#,
                Ok("https://a.example:8443"),
            ),
            (
                "https://{host}:{port}",
                r#"{"host":"x://u@a.example","port":1}"#,
                Err(ReachError::Origin {
                    template: "https://{host}:{port}".into(),
                    source: OriginError::UserInfo,
                }),
            ),
            ("https://api.example", "{}", Ok("https://api.example:443")),
            ("{url}", "{}", missing("url")),
            ("{url}", r#"{"url":["http://a.example"]}"#, missing("url")),
            ("{url}", r#"{"url":"hook"}"#, Err(ReachError::NotUrl { template: "{url}".into() })),
            ("{url", "{}", Err(ReachError::NotUrl { template: "{url".into() })),
            (
                "{other}",
                r#"{"other":"http://a"}"#,
                Err(ReachError::NotInManifest { template: "{other}".into() }),
            ),
            (
                "{url}",
                r#"{"url":"https://u:p@a.example"}"#,
                Err(ReachError::Origin { template: "{url}".into(), source: OriginError::UserInfo }),
            ),
        ];
        for (template, settings, expected) in table {
            let expected = expected.map(|origin| vec![origin.to_owned()]);
            assert_eq!(reached(template, settings), expected, "{template} {settings}");
        }
    }

    #[test]
    fn a_template_whose_settings_are_not_set_leads_nowhere_beside_one_that_leads_somewhere() {
        let templates = ["{hook}", "{api}"];
        let schema = serde_json::json!({ "properties": {
            "api": { "type": "string", "default": "https://api.example" },
            "hook": { "type": "string" }, "count": { "default": true },
        }});
        let found = |settings: &str, has_defaults: bool| {
            let settings: Map<String, Value> = serde_json::from_str(settings).unwrap();
            let settings = if has_defaults { with_defaults(&settings, &schema) } else { settings };
            origins(&templates, &templates, &settings)
        };
        let missing = Err(ReachError::Missing { setting: "hook".into() });
        assert_eq!(found("{}", false), missing);
        assert_eq!(found(r#"{"hook":"","api":""}"#, false), missing);
        let hook = r#"{"hook":"https://h.example/x"}"#;
        assert_eq!(found(hook, false).unwrap(), ["https://h.example:443"]);
        assert_eq!(found("{}", true).unwrap(), ["https://api.example:443"]);
        let both = ["https://h.example:443", "https://api.example:443"];
        assert_eq!(found(hook, true).unwrap(), both);
        assert!(found(r#"{"hook":"no url"}"#, true).is_err(), "what is set has to be right");
    }

    #[test]
    fn an_origin_has_the_methods_and_the_path_of_the_manifest_and_a_target_none() {
        let settings = serde_json::json!({"url": "https://a.example/x", "host": "b.example"});
        let post = Methods::NONE.with(&hyper::Method::POST);
        let origins = [
            AskedOrigin { url: "{url}", methods: post, path: "/api" },
            AskedOrigin { url: "{url}", methods: Methods::ALL, path: "/status" },
            AskedOrigin { url: "https://unused.example", methods: post, path: "/" },
        ];
        let targets = ["tls://{host}:6514", "unix-dgram:/dev/log", "udp://{host}"];
        let told = |described: &[&str]| {
            let described: Vec<_> = described.iter().map(|&one| one.to_owned()).collect();
            let found = reach(&described, &origins, &targets, settings.as_object().unwrap());
            found.map(|reach| {
                let of_origin =
                    |one: &OriginGrant| format!("{} {} {:?}", one.origin, one.path, one.methods);
                let origins = reach.origins.iter().map(of_origin);
                origins.chain(reach.targets.iter().map(ToString::to_string)).collect::<Vec<_>>()
            })
        };
        let found = told(&["{url}", "tls://{host}:6514", "unix-dgram:/dev/log"]);
        let expected = [
            format!("https://a.example:443 /api {post:?}"),
            format!("https://a.example:443 /status {:?}", Methods::ALL),
            "tls://b.example:6514".to_owned(),
            "unix-dgram:/dev/log".to_owned(),
        ];
        assert_eq!(found.as_deref(), Ok(&expected[..]));
        let template = |text: &str| text.to_owned();
        let not_asked = ReachError::NotInManifest { template: template("tcp://{host}:25") };
        assert_eq!(told(&["tcp://{host}:25"]), Err(not_asked));
        let source = TargetError::Port;
        let wrong = ReachError::Target { template: template("udp://{host}"), source };
        assert_eq!(told(&["udp://{host}"]), Err(wrong));
    }
}
