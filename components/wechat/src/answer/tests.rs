use campanile_guest::{Instant, Purpose, http::Problem};

use super::*;

#[test]
fn the_verdict_is_the_number_in_the_body_and_its_words_are_told() {
    let said = |code: i64, words: &str| format!(r#"{{"errcode":{code},"errmsg":"{words}"}}"#);
    let told = |outcome: &Outcome| match &outcome.verdicts[0] {
        Verdict::Failed(Failure::Misconfigured(one)) => one.detail.clone(),
        Verdict::Failed(Failure::Rejected(one) | Failure::TooLarge(one)) => one.detail.clone(),
        Verdict::Failed(Failure::Unavailable(one)) => one.detail.clone(),
        other => panic!("{other:?}"),
    };
    let outcome = judge_one(200, &said(93000, "invalid webhook url, hint: [1]"), 1);
    let expected =
        "answered 200, errcode 93000: invalid webhook url, hint: [1]; see whether the robot";
    assert!(told(&outcome).starts_with(expected), "{}", told(&outcome));
    let outcome = judge_one(200, &said(-1, ""), 1);
    assert_eq!(told(&outcome), "answered 200, errcode -1");
    let outcome = judge_one(200, "<html>", 1);
    assert_eq!(told(&outcome), "answered 200: <html>; expected JSON with `errcode`");
    let outcome = judge_one(200, &said(40058, &"\u{e9}".repeat(400)), 1);
    assert!(told(&outcome).len() <= DETAIL_BYTES_MAX);
}

#[test]
fn ten_alerts_are_not_lost_for_one_of_them() {
    for code in [INVALID_PARAMETER, EMPTY_CONTENT, TOO_LONG] {
        let body = format!(r#"{{"errcode":{code}}}"#);
        let (one, ten) = (judge_one(200, &body, 1), judge_one(200, &body, 10));
        assert!(matches!(one.verdicts[0], Verdict::Failed(Failure::Rejected(_))), "{code}");
        assert!(matches!(ten.verdicts[0], Verdict::Failed(Failure::TooLarge(_))), "{code}");
    }
}

#[test]
fn a_body_without_a_whole_number_is_no_verdict() {
    for body in ["", "{}", "[0]", r#"{"errcode":null}"#, r#"{"errcode":"0"}"#, r#"{"errcode":0.5}"#]
    {
        let outcome = judge_one(200, body, 1);
        assert!(matches!(outcome.verdicts[0], Verdict::Failed(Failure::Unavailable(_))), "{body}");
    }
}

#[test]
fn a_certificate_that_is_wrong_is_the_endpoints_fault() {
    let problem = Problem { code: "untrusted".into(), detail: String::new() };
    let outcome = judge(Err(HttpError::Untrusted(problem)), 1, &attempt());
    let Verdict::Failed(Failure::Misconfigured(fault)) = &outcome.verdicts[0] else {
        panic!("{outcome:?}");
    };
    assert_eq!((fault.scope, fault.code.as_str()), (Scope::Endpoint, "untrusted"));
}

fn judge_one(status: u16, body: &str, alerts: usize) -> Outcome {
    let answer = Response { status, headers: vec![], body: body.into(), ending: Ending::Complete };
    judge(Ok(answer), alerts, &attempt())
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
