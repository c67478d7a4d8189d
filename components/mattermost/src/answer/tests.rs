use campanile_guest::{Failure, Instant, Purpose, http::Problem};

use super::*;

#[test]
fn what_is_left_of_the_limit_is_told_with_any_answer() {
    let limits = [("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "2")];
    let expected = [Budget { scope: Scope::Origin, remaining: 7, reset_ms: 2000 }];
    for (status, body) in [(201, r#"{"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa"}"#), (403, ""), (500, "")] {
        assert_eq!(judge(Ok(answer(status, body, &limits)), &attempt()).budgets, expected);
        assert_eq!(judge(Ok(answer(status, body, &limits[..1])), &attempt()).budgets, []);
        assert_eq!(judge(Ok(answer(status, body, &[])), &attempt()).budgets, []);
    }
    let far = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4294967295")];
    let outcome = judge(Ok(answer(201, "", &far)), &attempt());
    assert_eq!(outcome.budgets[0].reset_ms, retry_after::WAIT_MS_MAX);
}

#[test]
fn an_operator_reads_what_the_server_said_and_what_to_do() {
    let id = "api.context.permissions.app_error";
    let body = format!(r#"{{"id":"{id}","message":"no","status_code":403}}"#);
    let outcome = judge(Ok(answer(403, &body, &[])), &attempt());
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Recipient, id));
    let ends = "; the bot or the webhook may not post there: add it to the channel";
    assert!(fault.detail.starts_with("answered 403: {") && fault.detail.ends_with(ends));
}

#[test]
fn a_webhook_that_is_not_reached_may_be_on_another_server() {
    let problem = Problem { code: "origin".into(), detail: "not granted".into() };
    let outcome = judge_hook(Err(HttpError::Denied(problem)), &attempt());
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    let expected = "not granted; `webhook_url` must lead to the server that `url` names";
    assert_eq!((fault.code.as_str(), fault.detail.as_str()), ("origin", expected));
}

#[test]
fn a_remote_id_holds_post_and_thread_and_nothing_else_is_one() {
    let (post, root) = ("a".repeat(26), "b".repeat(26));
    let both = format!("{post}:{root}");
    let table = [
        (post.as_str(), Some((post.as_str(), post.as_str()))),
        (&both, Some((&post, &root))),
        ("", None),
        ("abc", None),
        ("../users/me", None),
        (&both[..52], None),
    ];
    for (remote_id, expected) in table {
        assert_eq!(parts(remote_id), expected, "{remote_id}");
    }
}

#[test]
fn a_certificate_that_is_wrong_is_the_endpoints_fault() {
    let problem = Problem { code: "untrusted".into(), detail: String::new() };
    let outcome = judge(Err(HttpError::Untrusted(problem)), &attempt());
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Endpoint, "untrusted"));
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
