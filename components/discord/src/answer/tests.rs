use campanile_guest::{Budget, Instant, Purpose, http::Problem};
use serde_json::json;

use super::*;
use crate::settings;

#[test]
fn an_operator_reads_what_discord_said_and_what_to_do() {
    let table = [
        (
            404,
            json!({"message": "Unknown Webhook", "code": 10015}),
            "answered 404: Unknown Webhook (10015); the webhook was removed",
        ),
        (
            401,
            json!({"message": "Invalid Webhook Token", "code": 50027}),
            "copy the webhook's URL again",
        ),
        (
            401,
            json!({"message": "401: Unauthorized", "code": 0}),
            "answered 401: 401: Unauthorized",
        ),
        (302, json!({}), "redirects are not followed"),
        (400, json!({"message": "no", "code": 220001}), "needs `thread_id` or `thread_name`"),
    ];
    for (status, body, expected) in table {
        let outcome = judge_one(status, &body.to_string(), 1);
        let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
            panic!("{status} {body}: {outcome:?}");
        };
        assert!(fault.detail.contains(expected), "{}", fault.detail);
    }
}

#[test]
fn the_faults_of_a_form_are_told_by_the_keys_they_are_at() {
    let fault = |words: &str| json!({"_errors": [{"code": "X", "message": words}]});
    let form = |errors: Value| {
        json!({"message": "Invalid Form Body", "code": 50035, "errors": errors}).to_string()
    };
    let title =
        form(json!({"embeds": {"3": {"title": fault("Too\nlong")}}, "content": fault("no")}));
    let Verdict::Failed(Failure::Rejected(reason)) = &judge_one(400, &title, 1).verdicts[0] else {
        panic!("expected it to be rejected");
    };
    assert_eq!(reason.code, "50035");
    let told = "answered 400: Invalid Form Body (50035): content: no; embeds.3.title: Too long";
    assert_eq!(reason.detail, told);

    // Ten alerts are not lost for one of them.
    let many = judge_one(400, &title, 10);
    assert!(matches!(&many.verdicts[..], [Verdict::Failed(Failure::TooLarge(_))]), "{many:?}");

    // A name that Discord does not take is no alert's fault.
    for alerts in [1, 10] {
        let outcome = judge_one(400, &form(json!({"username": fault("cannot contain X")})), alerts);
        let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
            panic!("{outcome:?}");
        };
        assert_eq!((fault.scope, fault.code.as_str()), (Scope::Recipient, "50035"));
        assert!(fault.detail.contains("username: cannot contain X"), "{}", fault.detail);
    }

    let errors: serde_json::Map<_, _> =
        (0..50).map(|at| (format!("k{at}"), fault(&"\u{e9}".repeat(100)))).collect();
    let outcome = judge_one(400, &form(Value::from(errors)), 1);
    let Verdict::Failed(Failure::Rejected(reason)) = &outcome.verdicts[0] else { panic!() };
    assert!(reason.detail.len() <= DETAIL_BYTES_MAX);
}

#[test]
fn only_what_was_referred_to_and_is_gone_is_worth_another_way() {
    let of = |status, code: u64| Ok(answer(status, &json!({"code": code}).to_string(), &[]));
    for code in [10_003, 10_008, 50_005, 50_083, 160_005] {
        assert!(is_gone(&of(404, code)), "{code}");
        assert!(!is_gone(&of(200, code)), "{code}");
    }
    for code in [0, 10_015, 50_027, 50_035] {
        assert!(!is_gone(&of(404, code)), "{code}");
    }
    assert!(!is_gone(&Ok(answer(404, "<html>", &[]))));
    assert!(!is_gone(&Err(HttpError::NoAnswer(problem()))));
}

#[test]
fn each_answer_tells_what_is_left_of_the_limit() {
    let headers = [("x-ratelimit-remaining", "3"), ("x-ratelimit-reset-after", "1.5")];
    let left = Budget { scope: Scope::Endpoint, remaining: 3, reset_ms: 1500 };
    for (status, body) in [(200, r#"{"id":"1"}"#), (400, "{}"), (500, "")] {
        let answer = answer(status, body, &headers);
        let outcome = judge(Ok(answer), 1, &Settings::default(), &attempt());
        assert_eq!(outcome.budgets, std::slice::from_ref(&left), "{status}");
    }
    assert_eq!(judge_one(200, r#"{"id":"1"}"#, 1).budgets, []);
}

#[test]
fn an_answer_that_is_not_whole_proves_no_more_than_it_says() {
    let body = r#"{"type":0,"content":""#;
    let of = |ending| {
        let answer = Response { ending, ..answer(200, body, &[]) };
        judge(Ok(answer), 1, &Settings::default(), &attempt()).verdicts.remove(0)
    };
    assert!(matches!(of(Ending::Cut), Verdict::Failed(Failure::Uncertain(_))));
    assert!(matches!(of(Ending::Complete), Verdict::Failed(Failure::Uncertain(_))));
    let Verdict::Delivered(receipt) = of(Ending::Capped) else { panic!("expected it delivered") };
    assert_eq!((receipt.remote_id, receipt.proof), (None, Proof::Confirmed));
}

#[test]
fn what_a_probe_finds_never_has_the_token_in_it() {
    let told = |kind: u64| {
        json!({"type": kind, "id": "1", "name": "Cap\ntain", "channel_id": "2", "guild_id": "3",
               "token": "hunter2", "url": "https://discord.com/api/webhooks/1/hunter2"})
        .to_string()
    };
    let found = find(Ok(answer(200, &told(1), &[]))).expect("found");
    assert_eq!(found.certainty, Certainty::Proven);
    let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let facts = [fact("name", "Cap tain"), fact("channel_id", "2"), fact("guild_id", "3")];
    assert_eq!(found.facts, facts);
    for kind in [2, 3] {
        let failure = find(Ok(answer(200, &told(kind), &[]))).expect_err("no incoming webhook");
        let shown = format!("{failure:?}");
        assert!(matches!(failure, Failure::Misconfigured(_)) && !shown.contains("hunter2"));
    }
}

#[test]
fn a_certificate_that_is_wrong_is_the_endpoints_fault() {
    let problem = Problem { code: "untrusted".into(), detail: String::new() };
    let outcome = judge(Err(HttpError::Untrusted(problem)), 1, &Settings::default(), &attempt());
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Endpoint, "untrusted"));
}

fn judge_one(status: u16, body: &str, alerts: usize) -> Outcome {
    let settings = settings::read("{}").expect("settings");
    judge(Ok(answer(status, body, &[])), alerts, &settings, &attempt())
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
        deadline_ms: 45_000,
        purpose: Purpose::Live,
    }
}
