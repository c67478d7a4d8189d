use campanile_guest::Ending;
use campanile_guest::http::Problem;

use super::*;
use crate::settings;

const ES: &str = r#"{"name":"n","version":{"number":"8.17.0"},"tagline":"You Know, for Search"}"#;
const OS: &str = r#"{"version":{"distribution":"opensearch","number":"2.11.0"}}"#;
const MAY: &str = r#"{"has_all_requested":true,
    "index":{"logs-ntopng.alerts-default":{"create_doc":true,"auto_configure":true}}}"#;
const MAY_NOT: &str =
    r#"{"index":{"logs-ntopng.alerts-default":{"create_doc":false,"auto_configure":false}}}"#;
const NOT_MAKE: &str =
    r#"{"index":{"logs-ntopng.alerts-default":{"create_doc":true,"auto_configure":false}}}"#;

/// The certainty and a part of the summary, or whom a fault concerns and its code.
type Expected = Result<(Certainty, &'static str), (Scope, &'static str)>;

type Row = (&'static str, Scope, &'static [(u16, &'static str)], Expected);

#[test]
fn what_is_asked_follows_from_what_was_answered() {
    let (none, key) = ("{}", r#"{"api_key":"x"}"#);
    let opensearch = r#"{"product":"opensearch","username":"u"}"#;
    let old = r#"{"product":"elasticsearch_before_8_13"}"#;
    const OLD_BODY: &str = r#"{"version":{"number":"7.17.28"}}"#;
    const OLDER_BODY: &str = r#"{"version":{"number":"6.8.0"}}"#;
    const NO_API: &str =
        r#"{"error":"no handler found for uri [/_security/user/_has_privileges]"}"#;
    let (of, to) = (Scope::Endpoint, Scope::Recipient);
    let table: [Row; 21] = [
        // settings, scope, answers in order, finding or fault
        (none, of, &[(200, ES)], Ok((Certainty::Likely, "asks for no credentials"))),
        (key, of, &[(200, ES)], Ok((Certainty::Likely, "8.17.0; the credentials are good"))),
        (key, to, &[(200, ES), (200, MAY)], Ok((Certainty::Proven, "they may write to `logs-"))),
        (key, to, &[(200, ES), (200, NOT_MAKE)], Ok((Certainty::Likely, "but not make it"))),
        (key, to, &[(200, ES), (200, MAY_NOT)], Err((to, "create_doc"))),
        (key, to, &[(200, ES), (200, "{}")], Ok((Certainty::Likely, "write is not told"))),
        (none, to, &[(200, ES), (400, NO_API)], Ok((Certainty::Likely, "write is not told"))),
        (key, to, &[(200, ES), (401, "")], Err((of, "401"))),
        // Credentials that only write.
        (key, of, &[(403, ""), (200, r#"{"username":"w"}"#)], Ok((Certainty::Likely, "unknown"))),
        (
            key,
            to,
            &[(403, ""), (200, r#"{"username":"w"}"#), (200, MAY)],
            Ok((Certainty::Proven, "the version is unknown, since they may not ask for it; they")),
        ),
        (key, to, &[(403, ""), (401, "")], Err((of, "401"))),
        (key, to, &[(403, ""), (404, "")], Err((of, "403"))),
        (none, to, &[(403, "")], Err((of, "403"))),
        (key, to, &[(401, "")], Err((of, "401"))),
        (none, to, &[(404, "")], Err((of, "404"))),
        (none, to, &[(200, "<html>")], Ok((Certainty::Reachable, "something answers"))),
        // Another product, and other versions.
        (opensearch, to, &[(200, OS)], Ok((Certainty::Likely, "OpenSearch 2.11.0; the cred"))),
        (none, to, &[(200, OS)], Err((of, "product"))),
        (none, of, &[(200, OS)], Ok((Certainty::Likely, "set `product` to `opensearch`"))),
        (old, of, &[(200, OLD_BODY)], Ok((Certainty::Likely, "Elasticsearch 7.17.28; it asks"))),
        (old, of, &[(200, OLDER_BODY)], Err((of, "version"))),
    ];
    for (text, scope, answers, expected) in table {
        let settings = settings::read(text).expect("settings");
        let mut left = answers.iter();
        let found = look(&settings, scope, |_| {
            let (status, body) = left.next().expect("an answer");
            Ok(answer(*status, body))
        });
        assert_eq!(left.len(), 0, "{text} {answers:?}");
        match (found, expected) {
            (Ok(finding), Ok((certainty, part))) => {
                assert_eq!(finding.certainty, certainty, "{text} {answers:?}");
                assert!(finding.summary.contains(part), "{}", finding.summary);
            }
            (Err(Failure::Misconfigured(fault)), Err((scope, code))) => {
                assert_eq!((fault.scope, fault.code.as_str()), (scope, code), "{text} {answers:?}");
            }
            (found, _) => panic!("{text} {answers:?}: {found:?}"),
        }
    }
}

#[test]
fn the_version_decides_what_product_it_is() {
    let table = [
        ("8.12.2", Some("elasticsearch_before_8_13")),
        ("8.13.0", None),
        ("8.18.1-SNAPSHOT", None),
        ("9.0.0", None),
        ("7.0.0", Some("elasticsearch_before_8_13")),
        ("10.1.0", None),
    ];
    for (number, advice) in table {
        let settings = settings::read("{}").expect("settings");
        let body = format!(r#"{{"version":{{"number":"{number}"}}}}"#);
        let found = look(&settings, Scope::Endpoint, |_| Ok(answer(200, &body))).expect("found");
        let expected = advice.map(|one| format!("set `product` to `{one}`")).unwrap_or_default();
        assert!(found.summary.contains(&expected), "{}", found.summary);
        assert_eq!(found.summary.contains("set `product`"), advice.is_some(), "{number}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_as_such() {
    let settings = settings::read("{}").expect("settings");
    let problem = || Problem { code: "refused".into(), detail: "why".into() };
    let found = look(&settings, Scope::Endpoint, |_| Err(HttpError::Unreachable(problem())));
    assert!(matches!(found, Err(Failure::Unavailable(_))), "{found:?}");
}

#[test]
fn rights_are_asked_for_the_target_with_all_its_days() {
    let text = r#"{"target_kind":"daily_index","index_prefix":"a"}"#;
    let index = settings::read(text).expect("settings").target.pattern().into_owned();
    let request = Asked::Rights { index }.request("http://h/es", &Some("ApiKey x".into()));
    assert_eq!(request.url, "http://h/es/_security/user/_has_privileges");
    assert_eq!(request.method, Method::Post);
    let body = r#"{"index":[{"names":["a-*"],"privileges":["create_doc","auto_configure"]}]}"#;
    assert_eq!(request.body, body.as_bytes());
    assert!(request.headers.contains(&("authorization".into(), "ApiKey x".into())));
    let request = Asked::Who.request("http://h", &None);
    assert_eq!(
        (request.url.as_str(), request.headers.len()),
        ("http://h/_security/_authenticate", 0)
    );
}

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.into(), ending: Ending::Complete }
}
