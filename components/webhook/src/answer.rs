//! Reads a receiver's answer. One `match`, every branch visible.

use campanile_guest::{
    Attempt, Certainty, Failure, Fault, Finding, HttpError, Outcome, Proof, Response, Scope,
    Verdict,
};

use crate::settings::Settings;

/// A redirect that calls itself temporary is believed for so many attempts.
const REDIRECTS_MAX: u32 = 3;

/// A receiver that is being deployed is not found for a while: for fewer attempts than this, or in
/// less time.
const NOT_FOUND_MAX: u32 = 5;
const NOT_FOUND_MS_MAX: u64 = 10 * 60 * 1000;

/// What the answer to a message means.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    settings: &Settings,
    attempt: &Attempt,
) -> Outcome {
    let since = Since {
        attempts: attempt.number,
        ms: attempt.now.unix_ms.saturating_sub(attempt.first.unix_ms),
    };
    match answer {
        Ok(answer) => {
            let wait_ms = answer.retry_after_ms(attempt.now.unix_ms);
            verdict(&answer, wait_ms, settings, since)
        }
        Err(error) => error.into(),
    }
}

/// For how long it has been tried: this attempt counted, and milliseconds since the first.
#[derive(Clone, Copy)]
struct Since {
    attempts: u32,
    ms: u64,
}

fn verdict(answer: &Response, wait_ms: Option<u32>, settings: &Settings, since: Since) -> Outcome {
    let said = answer.excerpt();
    let is_deployed = since.attempts >= NOT_FOUND_MAX && since.ms >= NOT_FOUND_MS_MAX;
    let outcome = match answer.status {
        200..300 if answer.is_complete() => Outcome::delivered(Proof::Confirmed),
        200..300 => Outcome::delivered(Proof::Confirmed)
            .warned("the answer's status says delivered, but its body did not come whole"),
        301 | 308 => moved(answer, "for good"),
        300..400 if since.attempts <= REDIRECTS_MAX => Outcome::unavailable(said),
        300..400 => moved(answer, "for some time now"),
        401 | 403 | 407 | 410 => Outcome::misconfigured(Scope::Endpoint, said),
        404 if !is_deployed => Outcome::unavailable(said),
        404 => Outcome::misconfigured(Scope::Endpoint, said),
        408 | 425 => Outcome::unavailable(said).after(wait_ms),
        409 if settings.conflict_is_duplicate => Outcome::duplicate(),
        413 => Outcome::too_large(said),
        429 => Outcome::rate_limited(wait_ms, Scope::Endpoint),
        // 400, 405, 406, 411, 415, 422; a status of this class that is not known means 400
        // (RFC 9110, section 15).
        400..500 => Outcome::rejected(said),
        // The server as a whole is in trouble: spare it.
        502..=504 => Outcome::unavailable(said).after(wait_ms).concerning(Scope::Endpoint),
        500.. => Outcome::unavailable(said).after(wait_ms),
        // An upgrade that nobody asked for.
        ..200 => Outcome::misconfigured(Scope::Endpoint, said),
    };
    outcome.coded(&answer.status)
}

/// What the answer to a message that tells of nothing shows.
pub(crate) fn find_posted(
    answer: Result<Response, HttpError>,
    settings: &Settings,
) -> Result<Finding, Failure> {
    let answer = answer?;
    // Who asks now wants to know how it is now.
    let since = Since { attempts: u32::MAX, ms: u64::MAX };
    match verdict(&answer, None, settings, since).verdicts.pop() {
        Some(Verdict::Failed(failure)) => Err(failure),
        _ => Ok(Finding {
            certainty: Certainty::Proven,
            summary: format!(
                "the receiver answers {} to a message that tells of nothing",
                answer.status
            ),
            facts: vec![("status".into(), answer.status.to_string())],
        }),
    }
}

/// What the answer to OPTIONS shows. Whether the URL takes alerts only an alert can tell.
pub(crate) fn find(answer: Result<Response, HttpError>) -> Result<Finding, Failure> {
    let answer = answer?;
    match answer.status {
        401 | 403 | 407 | 410 => Err(Failure::Misconfigured(Fault::new(
            Scope::Endpoint,
            answer.status.to_string(),
            answer.excerpt(),
        ))),
        status => Ok(Finding {
            certainty: Certainty::Reachable,
            summary: format!("the server is there and answers OPTIONS with {status}"),
            facts: vec![("status".into(), status.to_string())],
        }),
    }
}

/// Redirects are not followed: an alert goes where the operator said, or nowhere.
fn moved(answer: &Response, how_long: &str) -> Outcome {
    let to = match answer.header("location") {
        Some(location) => format!(" to `{location}`"),
        None => String::new(),
    };
    let status = answer.status;
    let detail = format!("answered {status}: moved {how_long}{to}; set `url` to where it is now");
    Outcome::misconfigured(Scope::Endpoint, detail)
}

#[cfg(test)]
mod tests {
    use campanile_guest::http::Problem;
    use campanile_guest::{Ending, Instant, Purpose};
    use serde_json::{Map, Value};

    use super::*;
    use crate::settings;

    const CASES: &str = include_str!("../cases/answers.json");

    #[test]
    fn every_answer_of_the_cases_is_judged_as_it_says_there() {
        let file: Value = serde_json::from_str(CASES).expect("JSON");
        let cases = file["cases"].as_array().expect("cases");
        assert!(cases.len() > 50);
        for case in cases {
            let or_common = |name: &str| case.get(name).unwrap_or(&file[name]);
            let text = or_common("settings").to_string().replace("{{origin}}", "http://h");
            let settings = settings::read(&text).expect("settings");
            let number = or_common("attempt").as_u64().and_then(|one| u32::try_from(one).ok());
            let mut attempt = attempt(number.expect("an attempt"));
            attempt.first.unix_ms -= 1000 * case["first_s_ago"].as_u64().unwrap_or(0);
            let outcome = judge(answer(&case["answer"]), &settings, &attempt);
            assert_eq!(outcome.verdicts.len(), 1, "{case}");
            let got = shown(&outcome.verdicts[0]);
            for (name, expected) in case["verdict"].as_object().expect("a verdict") {
                let got = got.get(name).unwrap_or(&Value::Null);
                let is_good = match expected.as_array().map(Vec::as_slice) {
                    Some([least, most]) => (least.as_u64()..=most.as_u64()).contains(&got.as_u64()),
                    _ => got == expected,
                };
                assert!(is_good, "{name}: expected {expected}, got {got}: {case}");
            }
        }
    }

    #[test]
    fn an_operator_reads_where_a_redirect_leads_and_what_the_receiver_said() {
        let settings = settings::read(r#"{"url":"http://h"}"#).expect("settings");
        let said = |case: &str| {
            let case = serde_json::from_str(case).expect("JSON");
            let outcome = judge(answer(&case), &settings, &attempt(1));
            shown(&outcome.verdicts[0])["detail"].clone()
        };
        assert_eq!(
            said(r#"{"status":308,"headers":{"Location":"https://new.example/"}}"#),
            "answered 308: moved for good to `https://new.example/`; set `url` to where it is now"
        );
        assert_eq!(said(r#"{"status":422,"body":" no title\n"}"#), "answered 422: no title");
    }

    fn attempt(number: u32) -> Attempt {
        let now = Instant { unix_ms: 1_795_488_660_250, utc: String::new(), local: String::new() };
        Attempt {
            message_id: "msg_1".into(),
            number,
            now: now.clone(),
            first: now,
            carry: None,
            deliveries: vec![],
            deadline_ms: 30_000,
            purpose: Purpose::Live,
        }
    }

    /// What the engine makes of a scripted answer.
    fn answer(script: &Value) -> Result<Response, HttpError> {
        let problem = || Problem { code: "code".into(), detail: String::new() };
        let ending = match script["fault"].as_str() {
            Some("reset" | "hang") => return Err(HttpError::NoAnswer(problem())),
            Some("refuse") => return Err(HttpError::Unreachable(problem())),
            Some("cut") => Ending::Cut,
            _ if script.get("body_bytes").is_some() => Ending::Capped,
            _ => Ending::Complete,
        };
        let none = Map::new();
        let headers = script["headers"].as_object().unwrap_or(&none).iter().map(|(name, value)| {
            let value = value.as_str().expect("a value");
            let value = value.replace("{{date+120}}", "Tue, 24 Nov 2026 02:53:00 GMT");
            (name.to_ascii_lowercase(), value)
        });
        Ok(Response {
            status: script["status"].as_u64().and_then(|one| one.try_into().ok()).expect("status"),
            headers: headers.collect(),
            body: script["body"].as_str().unwrap_or_default().into(),
            ending,
        })
    }

    /// The verdict with the words that cases use.
    fn shown(verdict: &Verdict) -> Value {
        use serde_json::json;
        let scope = |scope: Scope| match scope {
            Scope::Recipient => "recipient",
            Scope::Endpoint => "endpoint",
            Scope::Origin => "origin",
        };
        let failure = match verdict {
            Verdict::Delivered(receipt) => {
                let proof = format!("{:?}", receipt.proof).to_lowercase().replace("proof::", "");
                return json!({ "name": "delivered", "proof": proof,
                    "duplicate": receipt.duplicate, "warned": receipt.warning.is_some() });
            }
            Verdict::Skipped(_) => return json!({ "name": "skipped" }),
            Verdict::Failed(failure) => failure,
        };
        let (name, scope, code, after_ms, detail) = match failure {
            Failure::Rejected(one) => ("rejected", None, &one.code, None, &one.detail),
            Failure::TooLarge(one) => ("too-large", None, &one.code, None, &one.detail),
            Failure::Uncertain(one) => ("uncertain", None, &one.code, None, &one.detail),
            Failure::Other(one) => ("other", None, &one.code, None, &one.detail),
            Failure::Unavailable(one) => {
                ("unavailable", Some(scope(one.scope)), &one.code, one.after_ms, &one.detail)
            }
            Failure::RateLimited(one) => {
                ("rate-limited", Some(scope(one.scope)), &one.code, one.after_ms, &one.detail)
            }
            Failure::Misconfigured(one) => {
                ("misconfigured", Some(scope(one.scope)), &one.code, None, &one.detail)
            }
        };
        json!({ "name": name, "scope": scope, "code": code, "after_ms": after_ms,
            "detail": detail })
    }
}
