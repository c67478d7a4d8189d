use campanile_guest::{Delay, Fault, Instant, Purpose, Reason, http::Problem};
use serde_json::Value;

use super::*;
use crate::settings;

const PROBES: &str = include_str!("../../cases/probe.json");

#[test]
fn every_answer_to_a_probe_shows_what_its_case_says() {
    let file: Value = serde_json::from_str(PROBES).expect("JSON");
    let cases = file["cases"].as_array().expect("cases");
    assert!(cases.len() >= 10);
    for case in cases {
        let script = &case["answer"];
        let answer = match script["fault"].as_str() {
            None => Ok(answer(
                script["status"].as_u64().and_then(|one| one.try_into().ok()).expect("a status"),
                script["body"].as_str().unwrap_or_default(),
                &[],
            )),
            Some("refuse") => Err(HttpError::Unreachable(problem())),
            Some(_) => Err(HttpError::NoAnswer(problem())),
        };
        match find(answer) {
            Ok(finding) => {
                let certainty = format!("{:?}", finding.certainty).to_lowercase();
                let expected = case["finding"]["certainty"].as_str().unwrap_or_default();
                assert!(certainty.ends_with(expected) && !expected.is_empty(), "{case}");
                assert!(finding.summary.contains("heuristic"), "{case}");
                assert!(finding.facts.contains(&("heuristic".into(), "true".into())), "{case}");
            }
            Err(failure) => {
                let (name, code, scope) = match failure {
                    Failure::Misconfigured(one) => ("misconfigured", one.code, Some(one.scope)),
                    Failure::Unavailable(one) => ("unavailable", one.code, Some(one.scope)),
                    Failure::RateLimited(one) => ("rate-limited", one.code, Some(one.scope)),
                    Failure::Uncertain(one) => ("uncertain", one.code, None),
                    other => panic!("{other:?}: {case}"),
                };
                assert_eq!(case["verdict"]["name"], name, "{case}");
                if let Some(expected) = case["verdict"]["code"].as_str() {
                    assert_eq!(expected, code, "{case}");
                }
                assert!(scope.is_none_or(|scope| scope == Scope::Endpoint), "{case}");
            }
        }
    }
}

#[test]
fn an_operator_reads_what_slack_said_and_what_to_do() {
    let table = [
        (
            404,
            "no_service",
            "answered 404: no_service; the webhook was removed: make a new one and set `webhook_url`",
        ),
        (403, "action_prohibited", "answered 403: action_prohibited"),
        (302, "", "answered 302; redirects are not followed: set `webhook_url` to where it is now"),
    ];
    for (status, body, expected) in table {
        let outcome =
            judge(Ok(answer(status, body, &[("location", "/hunter2")])), &plain(), &attempt());
        let Some(Verdict::Failed(Failure::Misconfigured(fault))) = outcome.verdicts.first() else {
            panic!("{status}: {outcome:?}");
        };
        assert_eq!(fault.detail, expected);
    }
    let outcome = judge(Ok(answer(200, "<html>", &[])), &plain(), &attempt());
    let expected =
        Reason { code: "200".into(), detail: "answered 200: <html>; expected 200 and `ok`".into() };
    assert_eq!(outcome.verdicts, [Verdict::Failed(Failure::Rejected(expected))]);
}

#[test]
fn a_sender_that_is_not_sent_is_told_where_a_message_was_delivered_and_only_there() {
    let settings = settings::read(r#"{"sender_username":"me"}"#).expect("settings");
    let warning = |outcome: &Outcome| match &outcome.verdicts[0] {
        Verdict::Delivered(receipt) => receipt.warning.clone(),
        _ => None,
    };
    let delivered = judge(Ok(answer(200, "ok", &[])), &settings, &attempt());
    assert!(warning(&delivered).is_some_and(|text| text.contains("were not sent")));
    assert_eq!(warning(&judge(Ok(answer(200, "ok", &[])), &plain(), &attempt())), None);

    let limited = judge(Ok(answer(429, "", &[("retry-after", "30")])), &settings, &attempt());
    let delay = Delay {
        after_ms: Some(30_000),
        scope: Scope::Endpoint,
        code: "429".into(),
        detail: String::new(),
    };
    assert_eq!(limited.verdicts, [Verdict::Failed(Failure::RateLimited(delay))]);
}

#[test]
fn without_an_answer_the_client_has_said_whether_it_may_have_arrived() {
    let outcome = judge(Err(HttpError::Untrusted(problem())), &plain(), &attempt());
    let fault = Fault::new(Scope::Endpoint, "code", "");
    assert_eq!(outcome.verdicts, [Verdict::Failed(Failure::Misconfigured(fault))]);
}

fn plain() -> Settings {
    settings::read("{}").expect("settings")
}

fn problem() -> Problem {
    Problem { code: "code".into(), detail: String::new() }
}

fn answer(status: u16, body: &str, headers: &[(&str, &str)]) -> Response {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Response { status, headers: headers.collect(), body: body.into(), ending: Ending::Complete }
}

fn attempt() -> Attempt {
    let now = Instant { unix_ms: 1_795_488_660_250, utc: String::new(), local: String::new() };
    Attempt {
        message_id: "msg_1".into(),
        number: 1,
        now: now.clone(),
        first: now,
        carry: None,
        deliveries: vec![],
        deadline_ms: 25_000,
        purpose: Purpose::Live,
    }
}
