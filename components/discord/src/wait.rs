//! Discord's rate limits: how long to wait, whom that concerns, and what is left.
//!
//! Source: <https://docs.discord.com/developers/topics/rate-limits>.

use std::time::Duration;

use campanile_guest::retry_after::WAIT_MS_MAX;
use campanile_guest::{Budget, Outcome, Response, Scope};
use serde_json::Value;

/// For how long Cloudflare bans an address that got 10,000 refusals within that time.
const BAN_MS: u32 = 10 * 60 * 1000;

/// So many times longer than until the limit is reset: then a wait is told in milliseconds. Both
/// are about the same moment, so the factor is near 1, or near 1000.
const FACTOR: f64 = 30.0;

/// What an answer with status 429 means. `said`: its body, if that is a JSON object.
pub(crate) fn limited(answer: &Response, said: Option<&Value>, now_ms: u64) -> Outcome {
    let Some(said) = said else {
        // Not Discord's own answer: its front turns this whole site away.
        let after_ms = answer.retry_after_ms(now_ms).unwrap_or_default().max(BAN_MS);
        return Outcome::rate_limited(Some(after_ms), Scope::Origin);
    };
    let is_global = said["global"] == true
        || answer.header("x-ratelimit-global").is_some()
        || answer.header("x-ratelimit-scope") == Some("global");
    let scope = if is_global { Scope::Origin } else { Scope::Endpoint };
    Outcome::rate_limited(wait_ms(answer, said, now_ms), scope)
}

/// The wait that the body asks for, or else the header, which has whole seconds.
///
/// Without a version in the webhook's URL Discord may answer as its oldest one does, which tells
/// milliseconds in both. How long until the limit is reset is in seconds in all of them.
pub(crate) fn wait_ms(answer: &Response, said: &Value, now_ms: u64) -> Option<u32> {
    let Some(wait) = said["retry_after"].as_f64() else { return answer.retry_after_ms(now_ms) };
    let reset = answer.header("x-ratelimit-reset-after").and_then(|text| text.parse::<f64>().ok());
    let is_milliseconds = reset.is_some_and(|reset| reset > 0.0 && wait > reset * FACTOR);
    milliseconds(if is_milliseconds { wait / 1000.0 } else { wait })
}

/// What is left of this webhook's limit.
pub(crate) fn budget(answer: &Response) -> Option<Budget> {
    let remaining = answer.header("x-ratelimit-remaining")?.parse().ok()?;
    let reset_ms = milliseconds(answer.header("x-ratelimit-reset-after")?.parse().ok()?)?;
    Some(Budget { scope: Scope::Endpoint, remaining, reset_ms })
}

/// Rounded up, and at most as long as any wait is.
fn milliseconds(seconds: f64) -> Option<u32> {
    if !seconds.is_finite() || seconds < 0.0 {
        return None;
    }
    let most = Duration::from_millis(WAIT_MS_MAX.into());
    let wait = Duration::try_from_secs_f64(seconds).unwrap_or(most).min(most);
    u32::try_from(wait.as_micros().div_ceil(1000)).ok()
}

#[cfg(test)]
mod tests {
    use campanile_guest::{Ending, Failure, Verdict};
    use serde_json::json;

    use super::*;

    fn answer(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Response { status: 429, headers: headers.collect(), body: vec![], ending: Ending::Complete }
    }

    #[test]
    fn a_wait_is_the_bodys_else_the_headers_and_in_seconds_unless_it_cannot_be() {
        let (after, reset) = ("retry-after", "x-ratelimit-reset-after");
        let table = [
            // body, headers, expected
            (json!({"retry_after": 0.3}), vec![(after, "1")], Some(300)),
            (json!({"retry_after": 64.5701}), vec![(after, "65"), (reset, "64.57")], Some(64_571)),
            (json!({"retry_after": 2}), vec![(reset, "2.000")], Some(2000)),
            (json!({"retry_after": 1994}), vec![(after, "1994"), (reset, "2")], Some(1994)),
            (json!({"retry_after": 300}), vec![(reset, "0.3")], Some(300)),
            (json!({"retry_after": 1994}), vec![], Some(1_994_000)),
            (json!({"retry_after": 1994}), vec![(reset, "soon")], Some(1_994_000)),
            (json!({"retry_after": 1e300}), vec![], Some(WAIT_MS_MAX)),
            (json!({"retry_after": -1}), vec![(after, "1")], None),
            (json!({"retry_after": "2"}), vec![(after, "7")], Some(7000)),
            (json!({}), vec![(after, "7")], Some(7000)),
            (json!({}), vec![], None),
        ];
        for (said, headers, expected) in table {
            assert_eq!(wait_ms(&answer(&headers), &said, 0), expected, "{said} {headers:?}");
        }
    }

    #[test]
    fn a_limit_concerns_the_webhook_or_all_of_discord() {
        let by = |scope| vec![("x-ratelimit-scope", scope)];
        let body = json!({"retry_after": 1.0, "global": false});
        let table = [
            // body, headers, scope, wait
            (Some(body.clone()), vec![], Scope::Endpoint, 1000),
            (Some(body.clone()), by("user"), Scope::Endpoint, 1000),
            (Some(body.clone()), by("shared"), Scope::Endpoint, 1000),
            (Some(body.clone()), by("global"), Scope::Origin, 1000),
            (Some(body), vec![("x-ratelimit-global", "true")], Scope::Origin, 1000),
            (Some(json!({"retry_after": 1, "global": true})), vec![], Scope::Origin, 1000),
            (None, vec![], Scope::Origin, BAN_MS),
            (None, vec![("retry-after", "5")], Scope::Origin, BAN_MS),
            (None, vec![("retry-after", "3600")], Scope::Origin, 3_600_000),
        ];
        for (said, headers, scope, wait_ms) in table {
            let outcome = limited(&answer(&headers), said.as_ref(), 0);
            let Verdict::Failed(Failure::RateLimited(delay)) = &outcome.verdicts[0] else {
                panic!("{outcome:?}");
            };
            assert_eq!(delay.scope, scope, "{said:?} {headers:?}");
            assert_eq!(delay.after_ms, Some(wait_ms), "{said:?} {headers:?}");
        }
    }

    #[test]
    fn what_is_left_is_passed_on_if_it_can_be_read() {
        let (left, reset) = ("x-ratelimit-remaining", "x-ratelimit-reset-after");
        let of = |remaining, reset_ms| Some(Budget { scope: Scope::Endpoint, remaining, reset_ms });
        let table = [
            (vec![(left, "4"), (reset, "2")], of(4, 2000)),
            (vec![(left, "0"), (reset, "0.0014")], of(0, 2)),
            (vec![(left, "0"), (reset, "1e99")], of(0, WAIT_MS_MAX)),
            (vec![(left, "4")], None),
            (vec![(reset, "2")], None),
            (vec![(left, "-1"), (reset, "2")], None),
            (vec![(left, "1"), (reset, "-2")], None),
            (vec![(left, "1"), (reset, "NaN")], None),
        ];
        for (headers, expected) in table {
            assert_eq!(budget(&answer(&headers)), expected, "{headers:?}");
        }
    }
}
