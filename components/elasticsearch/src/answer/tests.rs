use campanile_guest::{Delay, Failure, Instant, Purpose};
use serde_json::{Value, json};

use super::*;

#[test]
fn each_document_has_the_verdict_of_its_own_result() {
    let full = "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage \
                watermark, index has read-only-allow-delete block];";
    let none = Value::Null;
    let table = [
        // status, type, reason, expected
        (201, none.clone(), "", "delivered"),
        (200, none.clone(), "", "delivered"),
        (409, json!("version_conflict_engine_exception"), "exists", "duplicate"),
        (409, json!("other_exception"), "", "unavailable recipient other_exception"),
        (400, json!("document_parsing_exception"), "bad", "rejected document_parsing_exception"),
        (400, json!("mapper_parsing_exception"), "bad", "rejected mapper_parsing_exception"),
        (
            400,
            json!("illegal_argument_exception"),
            "Limit of total fields [1000]",
            "rejected illegal_argument_exception",
        ),
        (
            400,
            json!("strict_dynamic_mapping_exception"),
            "",
            "rejected strict_dynamic_mapping_exception",
        ),
        (
            400,
            json!("illegal_argument_exception"),
            "pipeline with id [x] does not exist",
            "misconfigured recipient illegal_argument_exception",
        ),
        (
            400,
            json!("illegal_argument_exception"),
            "no write index is defined for alias [x].",
            "misconfigured recipient illegal_argument_exception",
        ),
        // What an alert says is not what the server says.
        (
            400,
            json!("document_parsing_exception"),
            "failed to parse, value: 'pipeline with id [x] does not exist'",
            "rejected document_parsing_exception",
        ),
        (
            400,
            json!("illegal_argument_exception"),
            "bad value 'no write index is defined for alias [x]. pipeline with id [x] is gone'",
            "rejected illegal_argument_exception",
        ),
        (
            400,
            json!("invalid_index_name_exception"),
            "",
            "misconfigured recipient invalid_index_name_exception",
        ),
        (
            400,
            json!("index_closed_exception"),
            "",
            "misconfigured recipient index_closed_exception",
        ),
        (
            404,
            json!("index_not_found_exception"),
            "no such index",
            "misconfigured recipient index_not_found_exception",
        ),
        (401, json!("security_exception"), "", "misconfigured recipient security_exception"),
        (403, json!("security_exception"), "", "misconfigured recipient security_exception"),
        (
            403,
            json!("cluster_block_exception"),
            "blocked by: [FORBIDDEN/8/index write (api)];",
            "misconfigured recipient cluster_block_exception",
        ),
        (
            403,
            json!("cluster_block_exception"),
            "[FORBIDDEN/5/index read-only (api)]",
            "unavailable recipient cluster_block_exception 300000",
        ),
        (
            429,
            json!("cluster_block_exception"),
            full,
            "unavailable recipient cluster_block_exception 300000",
        ),
        (
            429,
            json!("es_rejected_execution_exception"),
            "rejected execution of coordinating",
            "rate-limited recipient es_rejected_execution_exception",
        ),
        (
            429,
            json!("circuit_breaking_exception"),
            "",
            "rate-limited recipient circuit_breaking_exception",
        ),
        (
            503,
            json!("unavailable_shards_exception"),
            "",
            "unavailable recipient unavailable_shards_exception",
        ),
        (500, none.clone(), "", "unavailable recipient 500"),
        (418, none.clone(), "", "rejected 418"),
        (302, none, "", "uncertain 302"),
    ];
    let mut items = vec![];
    for (status, name, reason, _) in &table {
        let error = json!({"type": name, "reason": reason});
        let mut told = json!({"_index": "a", "_id": "b", "status": status});
        if !name.is_null() {
            told["error"] = error;
        }
        items.push(json!({"create": told}));
    }
    let body = json!({"took": 3, "errors": true, "items": items}).to_string();
    let outcome = judge(Ok(answer(200, &body)), table.len(), &attempt());
    assert_eq!(outcome.verdicts.len(), table.len());
    for (verdict, (status, name, _, expected)) in outcome.verdicts.iter().zip(&table) {
        assert_eq!(&shown(verdict), expected, "{status} {name}");
        if let Verdict::Delivered(receipt) = verdict {
            assert_eq!(receipt.remote_id.as_deref(), Some("a/b"));
            assert_eq!((receipt.proof, &receipt.warning), (Proof::Confirmed, &None));
        }
    }
}

#[test]
fn a_document_in_the_failure_store_is_delivered_with_a_warning() {
    for (store, is_warned) in [("used", true), ("not_enabled", false)] {
        let body = json!({"items": [{"create": {"status": 201, "failure_store": store}}]});
        let outcome = judge(Ok(answer(200, &body.to_string())), 1, &attempt());
        let Some(Verdict::Delivered(receipt)) = outcome.verdicts.first() else { panic!("{store}") };
        assert_eq!(receipt.warning.is_some(), is_warned, "{store}");
    }
}

#[test]
fn an_answer_that_is_not_one_result_per_document_leaves_it_open() {
    let item = r#"{"create":{"status":201}}"#;
    let bodies = [
        "".to_owned(),
        "<html>welcome</html>".into(),
        r#"{"errors":false}"#.into(),
        r#"{"items":[]}"#.into(),
        format!(r#"{{"items":[{item}]}}"#),
        format!(r#"{{"items":[{item},{item},{item}]}}"#),
        format!(r#"{{"items":[{item},{{"index":{{"status":201}}}}]}}"#),
        format!(r#"{{"items":[{item},{{"create":{{}}}}]}}"#),
    ];
    for body in bodies {
        let outcome = judge(Ok(answer(200, &body)), 2, &attempt());
        let shown: Vec<_> = outcome.verdicts.iter().map(shown).collect();
        assert_eq!(shown, ["uncertain answer"], "{body}");
    }
}

#[test]
fn an_answer_that_did_not_come_whole_goes_in_halves_or_is_left_open() {
    let table = [
        (Ending::Capped, 2, "too-large too-large"),
        (Ending::Capped, 1, "uncertain answer"),
        (Ending::Cut, 2, "uncertain answer"),
    ];
    for (ending, count, expected) in table {
        let answer = Response { ending, ..answer(200, r#"{"items":[{"create":"#) };
        let outcome = judge(Ok(answer), count, &attempt());
        assert_eq!(shown(&outcome.verdicts[0]), expected, "{ending:?} of {count}");
    }
}

#[test]
fn a_refusal_of_the_whole_request_concerns_whom_it_should() {
    let error = |name: &str, reason: &str| {
        json!({"error": {"type": name, "reason": reason}, "status": 0}).to_string()
    };
    let full = error("cluster_block_exception", "blocked by: [FORBIDDEN/12/index read-only];");
    let stream = error(
        "illegal_argument_exception",
        "request [/_bulk] contains unrecognized parameter: [require_data_stream]",
    );
    let table = [
        (101, String::new(), "misconfigured endpoint 101"),
        (302, String::new(), "misconfigured endpoint 302"),
        (400, error("illegal_argument_exception", "Malformed action"), "rejected 400"),
        (400, stream, "misconfigured endpoint 400"),
        (401, error("security_exception", "missing"), "misconfigured endpoint 401"),
        (403, error("security_exception", "unauthorized"), "misconfigured endpoint 403"),
        (403, full, "unavailable recipient 403 300000"),
        (404, "404 page not found".into(), "misconfigured endpoint 404"),
        (405, String::new(), "misconfigured endpoint 405"),
        (406, String::new(), "misconfigured endpoint 406"),
        (407, String::new(), "misconfigured endpoint 407"),
        (408, String::new(), "unavailable recipient 408 7000"),
        (410, String::new(), "misconfigured endpoint 410"),
        (413, String::new(), "too-large 413"),
        (415, String::new(), "misconfigured endpoint 415"),
        (422, String::new(), "rejected 422"),
        (429, error("es_rejected_execution_exception", ""), "rate-limited endpoint 429 7000"),
        (500, String::new(), "unavailable recipient 500 7000"),
        (502, String::new(), "unavailable endpoint 502 7000"),
        (503, String::new(), "unavailable endpoint 503 7000"),
        (504, String::new(), "unavailable endpoint 504 7000"),
        (599, String::new(), "unavailable recipient 599 7000"),
    ];
    for (status, body, expected) in table {
        let wait = if expected.ends_with("300000") { None } else { Some(7000) };
        let outcome = refused(&answer(status, &body), wait);
        let shown: Vec<_> = outcome.verdicts.iter().map(shown).collect();
        assert_eq!(shown, [expected], "{status} {body}");
    }
}

#[test]
fn an_operator_reads_what_the_server_said_and_what_to_do() {
    let body = json!({"error": {"type": "security_exception", "reason": "no [indices:data]\n"}});
    let table = [
        (403, body.to_string(), "answered 403: security_exception: no [indices:data]; the cred"),
        (404, "nothing here".into(), "answered 404: nothing here; is `url` that of Elasticsearch?"),
        (400, r#"{"error":"text","status":400}"#.into(), "answered 400: {\"error\":\"text\""),
    ];
    for (status, body, expected) in table {
        let outcome = refused(&answer(status, &body), None);
        let detail = match &outcome.verdicts[0] {
            Verdict::Failed(Failure::Misconfigured(fault)) => &fault.detail,
            Verdict::Failed(Failure::Rejected(reason)) => &reason.detail,
            other => panic!("{other:?}"),
        };
        assert!(detail.starts_with(expected), "{detail}");
    }
    let long = "\u{e9}".repeat(4000);
    let item = json!({"create": {"status": 400, "error": {"type": "t", "reason": long}}});
    let body = json!({"items": [item]}).to_string();
    let outcome = judge(Ok(answer(200, &body)), 1, &attempt());
    let Verdict::Failed(Failure::Rejected(reason)) = &outcome.verdicts[0] else { panic!("{body}") };
    assert_eq!(reason.detail.len(), "answered 400 for this document: t: ".len() + 512);
}

/// "unavailable recipient 503 7000": name, scope, code, wait.
fn shown(verdict: &Verdict) -> String {
    let delay = |name: &str, delay: &Delay| {
        let scope = format!("{:?}", delay.scope).to_lowercase();
        let scope = scope.rsplit("::").next().unwrap_or_default().to_owned();
        let wait = delay.after_ms.map_or(String::new(), |ms| format!(" {ms}"));
        format!("{name} {scope} {}{wait}", delay.code)
    };
    match verdict {
        Verdict::Delivered(receipt) if receipt.duplicate => "duplicate".into(),
        Verdict::Delivered(_) => "delivered".into(),
        Verdict::Skipped(_) => "skipped".into(),
        Verdict::Failed(failure) => match failure {
            Failure::Rejected(reason) => format!("rejected {}", reason.code),
            Failure::TooLarge(reason) => format!("too-large {}", reason.code),
            Failure::Uncertain(reason) => format!("uncertain {}", reason.code),
            Failure::Other(reason) => format!("other {}", reason.code),
            Failure::Unavailable(one) => delay("unavailable", one),
            Failure::RateLimited(one) => delay("rate-limited", one),
            Failure::Misconfigured(fault) => {
                let scope = format!("{:?}", fault.scope).to_lowercase();
                let scope = scope.rsplit("::").next().unwrap_or_default().to_owned();
                format!("misconfigured {scope} {}", fault.code)
            }
        },
    }
}

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: vec![], body: body.into(), ending: Ending::Complete }
}

fn attempt() -> Attempt {
    let now = || Instant { unix_ms: 0, utc: String::new(), local: String::new() };
    Attempt {
        message_id: "01JD8Q5W3V9T6Z0M4K2N7P1R5S".into(),
        number: 1,
        now: now(),
        first: now(),
        carry: None,
        deliveries: vec![],
        deadline_ms: 35_000,
        purpose: Purpose::Live,
    }
}
