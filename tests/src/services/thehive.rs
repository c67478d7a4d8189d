//! TheHive 5: alerts are created once, found again, and changed.
//!
//! Source: <https://docs.strangebee.com/thehive/api-docs/>.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::{
    Call, Fault, Field, Sort, bearer, faults, may, must, object, says, strangers as unheard_of,
    utf16,
};
use crate::capture::{Reply, Request};

/// Of a user who may create alerts.
pub const API_KEY: &str = "k3Y/abc+DEF0123456789==";

const TEXT_MAX: usize = 1_048_576;

const CREATE: &[Field] = &[
    must("/type", Sort::Text(32)),
    must("/source", Sort::Text(32)),
    must("/sourceRef", Sort::Text(128)),
    must("/title", Sort::Text(512)),
    must("/description", Sort::Text(TEXT_MAX)),
    may("/observables", Sort::List),
];
const CHANGE: &[Field] = &[
    may("/type", Sort::Text(32)),
    may("/source", Sort::Text(32)),
    may("/sourceRef", Sort::Text(128)),
    may("/title", Sort::Text(512)),
    may("/description", Sort::Text(TEXT_MAX)),
    may("/addTags", Sort::List),
    may("/removeTags", Sort::List),
];
const BOTH: &[Field] = &[
    may("/severity", Sort::Whole(1..=4)),
    may("/date", Sort::Whole(0..=i64::MAX)),
    may("/tags", Sort::List),
    may("/tlp", Sort::Whole(0..=4)),
    may("/pap", Sort::Whole(0..=3)),
    may("/externalLink", Sort::Text(4096)),
    may("/status", Sort::Text(64)),
    may("/summary", Sort::Text(TEXT_MAX)),
    may("/assignee", Sort::Text(128)),
    may("/caseTemplate", Sort::Text(128)),
    may("/customFields", Sort::List),
];
const OBSERVABLE: &[Field] = &[
    must("/dataType", Sort::Word(DATA_TYPES)),
    may("/tlp", Sort::Whole(0..=4)),
    may("/pap", Sort::Whole(0..=3)),
    may("/tags", Sort::List),
    may("/message", Sort::Text(TEXT_MAX)),
    must("/data", Sort::Any),
    may("/ioc", Sort::Flag),
    may("/sighted", Sort::Flag),
];
/// Those that a server has from the start.
const DATA_TYPES: &[&str] = &[
    "autonomous-system",
    "domain",
    "file",
    "filename",
    "fqdn",
    "hash",
    "hostname",
    "ip",
    "mail",
    "mail-subject",
    "other",
    "regexp",
    "registry",
    "uri_path",
    "url",
    "user-agent",
];
const TAG_MAX: usize = 128;

/// A server without alerts at first.
pub fn thehive() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let alerts = Mutex::new(vec![]);
    move |request| {
        let mut alerts = alerts.lock().unwrap_or_else(PoisonError::into_inner);
        judge(request, &mut alerts).unwrap_or_else(|refusal| refusal)
    }
}

/// The keys of an alert that is created, and of its observables, that the service has no word for.
pub fn strangers(alert: &Value) -> Vec<String> {
    let observables = alert["observables"].as_array().into_iter().flatten();
    let of_them = observables.flat_map(|one| unheard_of(one, &[""], &[OBSERVABLE]));
    unheard_of(alert, &[""], &[CREATE, BOTH]).into_iter().chain(of_them).collect()
}

fn judge(request: &Request, alerts: &mut Vec<Value>) -> Result<Reply, Reply> {
    let call = Call::of(request);
    if (call.method, call.path) == ("GET", "/api/v1/status/public") {
        return Ok(says(200, &json!({"versions": {"TheHive": "5.4.0-1"}})));
    }
    if bearer(request) != Some(API_KEY) {
        return Err(error(401, "AuthenticationError", "Authentication failure"));
    }
    let body = || object(request).ok_or_else(|| error(400, "BadRequest", "Invalid Json"));
    match (call.method, call.path.strip_prefix("/api/v1").unwrap_or_default()) {
        ("GET", "/user/current") => {
            Ok(says(200, &json!({"login": "ops", "permissions": ["manageAlert/create"]})))
        }
        ("POST", "/alert") => create(body()?, alerts),
        ("POST", "/query") => find(&body()?, alerts),
        ("PATCH", path) if path.starts_with("/alert/") => {
            change(&path["/alert/".len()..], &body()?, alerts)
        }
        _ => Err(error(404, "NotFoundError", "Not found")),
    }
}

fn error(status: u16, sort: &str, message: &str) -> Reply {
    says(status, &json!({"type": sort, "message": message}))
}

/// What makes an alert the one that is there already.
const IDENTITY: [&str; 3] = ["type", "source", "sourceRef"];

fn create(mut alert: Value, alerts: &mut Vec<Value>) -> Result<Reply, Reply> {
    check(&alert, CREATE)?;
    check(&alert, BOTH)?;
    tags(&alert["tags"])?;
    let mut seen = BTreeSet::new();
    for one in alert["observables"].as_array().into_iter().flatten() {
        observable(one, &mut seen)?;
    }
    if alerts.iter().any(|one| IDENTITY.iter().all(|name| one[name] == alert[name])) {
        let [sort, source, reference] = IDENTITY.map(|name| alert[name].as_str().unwrap_or("?"));
        let message = format!("Alert {sort}:{source}:{reference} already exist in organisation");
        return Err(error(400, "CreateError", &message));
    }
    alert["_id"] = format!("~{}", 4096 * (alerts.len() + 1)).into();
    alert["_type"] = "alert".into();
    alert["status"] = "New".into();
    alerts.push(alert.clone());
    Ok(says(201, &alert))
}

fn change(id: &str, change: &Value, alerts: &mut [Value]) -> Result<Reply, Reply> {
    let found = alerts.iter_mut().find(|one| one["_id"] == id);
    let found = found.ok_or_else(|| error(404, "NotFoundError", "Alert not found"))?;
    check(change, CHANGE)?;
    check(change, BOTH)?;
    for name in ["tags", "addTags", "removeTags"] {
        tags(&change[name])?;
    }
    for (name, value) in change.as_object().into_iter().flatten() {
        found[name] = value.clone();
    }
    Ok(204.into())
}

/// Alerts by their fields: the only query that is answered here.
fn find(query: &Value, alerts: &[Value]) -> Result<Reply, Reply> {
    let bad = || error(400, "BadRequest", "Invalid query");
    let steps = query["query"].as_array().ok_or_else(bad)?;
    if steps.first().is_none_or(|step| step["_name"] != "listAlert") {
        return Err(bad());
    }
    let filter = steps.iter().find(|step| step["_name"] == "filter");
    let filter = filter.and_then(|step| step["_and"].as_array()).ok_or_else(bad)?;
    let mut same = vec![];
    for one in filter {
        same.push((one["_field"].as_str().ok_or_else(bad)?, &one["_value"]));
    }
    let is_asked = |alert: &&Value| same.iter().all(|(name, value)| &alert[*name] == *value);
    Ok(says(200, &alerts.iter().filter(is_asked).cloned().collect()))
}

/// The first fault of a body, as TheHive names it.
fn check(body: &Value, fields: &[Field]) -> Result<(), Reply> {
    let Some((at, fault)) = faults(body, fields, utf16).into_iter().next() else { return Ok(()) };
    let name = &at[1..];
    Err(match fault {
        Fault::Missing => {
            error(400, "MissingAttributeError", &format!("Attribute {name} is missing"))
        }
        Fault::Long => error(400, "BadRequest", &format!("{name} is too long")),
        Fault::Type | Fault::Value => invalid(name),
    })
}

fn invalid(name: &str) -> Reply {
    error(400, "InvalidFormatAttributeError", &format!("Invalid format for {name}"))
}

/// Each a text, not too long, and there once.
fn tags(list: &Value) -> Result<(), Reply> {
    let mut seen = BTreeSet::new();
    for tag in list.as_array().into_iter().flatten() {
        let tag = tag.as_str().ok_or_else(|| invalid("tags"))?;
        if tag.is_empty() || utf16(tag) > TAG_MAX || !seen.insert(tag) {
            return Err(invalid("tags"));
        }
    }
    Ok(())
}

fn observable(one: &Value, seen: &mut BTreeSet<(String, String)>) -> Result<(), Reply> {
    check(one, OBSERVABLE)?;
    tags(&one["tags"])?;
    let all = match &one["data"] {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    for data in all {
        let data = data.as_str().filter(|data| !data.trim().is_empty());
        let data = data.ok_or_else(|| invalid("data"))?;
        let sort = one["dataType"].as_str().unwrap_or_default();
        if !seen.insert((sort.to_owned(), data.to_owned())) {
            return Err(error(400, "CreateError", "Observable already exists"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tests::{but, read, request};

    fn asked(line: &str, body: &Value) -> Request {
        request(line, ("authorization", &format!("Bearer {API_KEY}")), body)
    }

    fn alert() -> Value {
        json!({
            "type": "t".repeat(32), "source": "s", "sourceRef": "r".repeat(128),
            "title": "t".repeat(512), "description": "d", "severity": 4,
            "date": 1_795_488_660_000_i64, "tags": ["a", "b"], "tlp": 2, "pap": 3,
            "observables": [
                {"dataType": "ip", "data": "192.0.2.1", "tags": ["client"]},
                {"dataType": "fqdn", "data": ["a.example", "b.example"]},
            ],
        })
    }

    #[test]
    fn an_alert_is_created_once_found_and_changed() {
        assert!(strangers(&alert()).is_empty(), "{:?}", strangers(&alert()));
        // As the API before had it.
        let old = json!({"artifacts": [], "observables": [{"dataType": "ip", "value": "x"}]});
        assert_eq!(strangers(&old), ["/artifacts", "/value"]);
        let server = thehive();
        let ask = |line: &str, body: &Value| read(server(&asked(line, body)));
        let (status, created) = ask("POST /api/v1/alert", &alert());
        assert_eq!(status, 201, "{created}");
        let id = created["_id"].as_str().unwrap();
        let (status, said) = ask("POST /api/v1/alert", &alert());
        assert_eq!((status, &said["type"]), (400, &json!("CreateError")), "{said}");
        assert!(said["message"].as_str().unwrap().contains("already exist"), "{said}");
        for name in IDENTITY {
            let other = but(&alert(), &format!("/{name}"), json!("x"));
            assert_eq!(ask("POST /api/v1/alert", &other).0, 201, "{name}");
        }
        let is = |field: &str, value: &str| json!({"_field": field, "_value": value});
        let filter = json!({"_name": "filter", "_and": [is("source", "s"), is("type", "x")]});
        let query = json!({"query": [{"_name": "listAlert"}, filter]});
        let (status, found) = ask("POST /api/v1/query", &query);
        assert_eq!((status, found.as_array().map(Vec::len)), (200, Some(1)), "{found}");
        assert_eq!(ask("POST /api/v1/query", &json!({"query": []})).0, 400);

        let change = json!({"addTags": ["released"], "summary": "over"});
        assert_eq!(ask(&format!("PATCH /api/v1/alert/{id}"), &change).0, 204);
        let (status, said) = ask("PATCH /api/v1/alert/~1", &change);
        assert_eq!((status, &said["type"]), (404, &json!("NotFoundError")));
        for (name, value) in [
            ("addTags", json!(["a", "a"])),
            ("summary", json!(7)),
            ("status", json!("s".repeat(65))),
        ] {
            let wrong = but(&change, &format!("/{name}"), value);
            assert_eq!(ask(&format!("PATCH /api/v1/alert/{id}"), &wrong).0, 400, "{name}");
        }
    }

    #[test]
    fn what_the_service_refuses_is_refused() {
        let missing = "MissingAttributeError";
        let invalid = "InvalidFormatAttributeError";
        let table = [
            ("/type", json!(null), missing),
            ("/type", json!("t".repeat(33)), "BadRequest"),
            ("/source", json!(null), missing),
            ("/source", json!("\u{1f600}".repeat(17)), "BadRequest"),
            ("/sourceRef", json!(""), missing),
            ("/sourceRef", json!("r".repeat(129)), "BadRequest"),
            ("/title", json!(null), missing),
            ("/title", json!("t".repeat(513)), "BadRequest"),
            ("/description", json!(null), missing),
            ("/description", json!("d".repeat(TEXT_MAX + 1)), "BadRequest"),
            ("/severity", json!(0), invalid),
            ("/severity", json!("high"), invalid),
            ("/date", json!("2026-11-24"), invalid),
            ("/tlp", json!(5), invalid),
            ("/pap", json!(4), invalid),
            ("/tags", json!("a"), invalid),
            ("/tags", json!(["a", "a"]), invalid),
            ("/tags", json!(["t".repeat(129)]), invalid),
            ("/externalLink", json!("l".repeat(4097)), "BadRequest"),
            ("/caseTemplate", json!("c".repeat(129)), "BadRequest"),
            ("/observables", json!({}), invalid),
            ("/observables", json!([{"data": "x"}]), missing),
            ("/observables", json!([{"dataType": "mac", "data": "x"}]), invalid),
            ("/observables", json!([{"dataType": "ip", "data": ""}]), invalid),
            ("/observables", json!([{"dataType": "ip"}]), missing),
            ("/observables", json!([{"dataType": "ip", "data": "x", "ioc": "yes"}]), invalid),
            ("/observables", json!([{"dataType": "ip", "data": ["x", "x"]}]), "CreateError"),
        ];
        for (at, value, sort) in table {
            let body = but(&alert(), at, value.clone());
            let (status, said) = read(thehive()(&asked("POST /api/v1/alert", &body)));
            assert_eq!((status, said["type"].as_str()), (400, Some(sort)), "{at} {value}: {said}");
        }
        let ask = |line: &str, key: &str| {
            read(thehive()(&request(line, ("authorization", key), &alert()))).0
        };
        assert_eq!(ask("POST /api/v1/alert", "Bearer another"), 401);
        assert_eq!(ask("POST /api/v1/alert", API_KEY), 401);
        assert_eq!(ask("POST /api/alert", &format!("Bearer {API_KEY}")), 404);
        assert_eq!(ask("GET /api/v1/status/public", ""), 200);
        let list = read(thehive()(&asked("POST /api/v1/alert", &json!([alert()]))));
        assert_eq!((list.0, &list.1["type"]), (400, &json!("BadRequest")));
    }
}
