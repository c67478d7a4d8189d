//! Cases of `deliver`: a message and the service's answer to a verdict.

use std::path::Path;
use std::sync::Arc;

use campanile::capability::doors::Doors;
use campanile::capability::egress::{Policy, Way};
use campanile::config::Config;
use campanile::delivery::{Delivery, Message};
use campanile::ids::MessageId;
use campanile::runtime::bindings::kind::{Failure, Proof, Reason, Scope, Verdict};
use campanile::runtime::{Delivering, Try};
use campanile_tests::capture::{Capture, Reply, Request};
use campanile_tests::site::EGRESS_GRANT;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::files::Folder;
use super::net::Peer;
use super::{
    Held, KindRef, NOW_MS, Stage, deliveries, doors, equal, fill, kind_settings, purpose,
    with_previous,
};

pub(super) async fn run(stage: &Stage, kind: KindRef<'_>, case: &Value) -> Held {
    let mut scene = Scene::set(case).await?;
    let folder = scene.folder(kind, case)?;
    let (mut doors, settings) = scene.doors(stage, kind)?;
    doors.files = folder.door();
    let mut delivering =
        Delivering::open(&stage.runtime, kind, doors).await.map_err(|fault| fault.to_string())?;

    let about = case["message"]["alerts"].as_u64().unwrap_or(1);
    let alerts: Vec<_> = (0..about).map(|at| json!({"title": format!("case {at}")})).collect();
    let told_of = deliveries(&json!({"producer_format": "native", "alerts": alerts}))?;
    let told_of = with_previous(case, told_of);
    let mut message = message(&scene.filled(&case["message"]), &told_of, kind.digest);
    message.carry = case["carry"].as_str().map(str::to_owned);
    let number = u32::try_from(case["attempt"].as_u64().unwrap_or(1)).map_err(|e| e.to_string())?;
    let this = Try {
        number,
        now_ms: NOW_MS,
        first_ms: NOW_MS - 1000 * case["first_s_ago"].as_u64().unwrap_or(0),
        zone: &TimeZone::UTC,
        purpose: purpose(&case["purpose"])?,
    };
    let message_id = message.id.to_string();
    let of = |name: &str| match name.split_once('.') {
        None => (name == "message_id").then(|| message_id.clone()),
        Some((what, at)) => {
            let delivery = told_of.get(at.parse::<usize>().ok()?)?;
            (what == "delivery_id").then(|| delivery.id.to_string())
        }
    };
    folder.lay(case, &of)?;
    scene.play(case, Some(&message_id))?;
    for _ in 1..case["times"].as_u64().unwrap_or(1) {
        delivering.call(&message, &told_of, &settings, this).await;
        scene.called().await?;
    }
    let told = delivering.call(&message, &told_of, &settings, this).await;
    let outcome = told.outcome.map_err(|fault| format!("the call broke: {fault}"))?;

    scene.check_requests(case, Some(&message_id))?;
    folder.check(case, &of).map_err(|what| format!("{what}; {outcome:?}"))?;
    drop(delivering);
    scene.heard(case, Some(&message_id)).await.map_err(|what| format!("{what}; {outcome:?}"))?;
    let expected = match (case.get("verdict"), case["verdicts"].as_array()) {
        (Some(one), None) => std::slice::from_ref(one),
        (None, Some(many)) => many,
        _ => return Err("expected either `verdict` or `verdicts`".to_owned()),
    };
    equal("number of verdicts", &outcome.verdicts.len(), &expected.len())?;
    for (verdict, expected) in outcome.verdicts.iter().zip(expected) {
        check_verdict(verdict, expected)?;
    }
    if let Some(expected) = case.get("carry_out") {
        equal("carry", &Value::from(outcome.carry), expected)?;
    }
    match case.get("corrections") {
        Some(expected) => equal("corrections", &json!(outcome.corrections), expected),
        None => Ok(()),
    }
}

/// A server that answers by script, and the settings that lead to it.
pub(super) struct Scene {
    capture: Capture,
    address: String,
    settings: Map<String, Value>,
    /// Where the case speaks something else than HTTP.
    peer: Option<Peer>,
}

impl Scene {
    pub(super) async fn set(case: &Value) -> Result<Self, String> {
        let answers = match case["answers"].as_array() {
            Some(answers) => &answers[..],
            None => std::slice::from_ref(&case["answer"]),
        };
        let mut replies = Vec::new();
        for answer in answers {
            replies.extend(reply(answer)?);
        }
        let capture = Capture::answering(replies).await;
        let refused = answers.iter().any(|answer| answer["fault"] == "refuse");
        let address = if refused { nobody().await } else { capture.address().to_string() };
        let peer = Peer::of(case).await?;
        let settings = match &peer {
            Some(peer) => peer.settings(&case["settings"]),
            None => kind_settings(case, &format!("http://{address}")),
        };
        Ok(Self { capture, address, settings, peer })
    }

    /// The folder that the settings name, for a kind that has one.
    pub(super) fn folder(&self, kind: KindRef<'_>, case: &Value) -> Result<Folder, String> {
        Folder::of(kind, case, &self.settings)
    }

    fn filled(&self, value: &Value) -> Value {
        self.peer.as_ref().map_or_else(|| value.clone(), |peer| peer.filled(value, None))
    }

    pub(super) fn play(&mut self, case: &Value, message_id: Option<&str>) -> Held {
        self.peer.as_mut().map_or(Ok(()), |peer| peer.play(case, message_id))
    }

    async fn called(&mut self) -> Held {
        match &mut self.peer {
            Some(peer) => peer.called().await,
            None => Ok(()),
        }
    }

    /// Whether the peer heard what the case says. No store may use its doors any more.
    pub(super) async fn heard(self, case: &Value, message_id: Option<&str>) -> Held {
        match self.peer {
            Some(peer) => peer.heard(case, message_id).await,
            None => Ok(()),
        }
    }

    /// The ways that the settings lead to, and the settings as the component gets them.
    pub(super) fn doors(
        &self,
        stage: &Stage,
        kind: KindRef<'_>,
    ) -> Result<(Doors, String), String> {
        if let Some(peer) = &self.peer {
            return peer.doors(stage, kind, &self.settings);
        }
        doors::open(stage, kind, &self.settings, egress_way(), &stage.net)
    }

    pub(super) fn check_requests(&self, case: &Value, message_id: Option<&str>) -> Held {
        let expected = match (case.get("request"), case["requests"].as_array()) {
            (None, None) => return Ok(()),
            (Some(one), None) => std::slice::from_ref(one),
            (None, Some(many)) => many,
            _ => return Err("expected either `request` or `requests`".to_owned()),
        };
        let of = |name: &str| match name {
            "message_id" => message_id.map(str::to_owned),
            "attempt_s" => Some((NOW_MS / 1000).to_string()),
            "origin" => Some(format!("http://{}", self.address)),
            _ => None,
        };
        let requests = self.capture.requests();
        equal("number of requests", &requests.len(), &expected.len())?;
        let mut pairs = requests.iter().zip(expected);
        pairs.try_for_each(|(request, expected)| check_request(request, &fill::all(expected, &of)))
    }
}

/// What the server does, as its script.
fn reply(answer: &Value) -> Result<Vec<Reply>, String> {
    let status =
        u16::try_from(answer["status"].as_u64().unwrap_or(200)).map_err(|e| e.to_string())?;
    let mut body = answer["body"].as_str().unwrap_or_default().as_bytes().to_vec();
    if let Some(count) = answer["body_bytes"].as_u64() {
        body = vec![b'x'; usize::try_from(count).map_err(|e| e.to_string())?];
    }
    let headers = fill::all(&answer["headers"], &date);
    let headers = headers.as_object().into_iter().flatten();
    let headers = headers.map(|(name, value)| (name.clone(), text(value))).collect();
    Ok(match answer["fault"].as_str() {
        None => vec![Reply::Answer { status, headers, body }],
        Some("cut") => vec![Reply::Cut { status, promised: body.len() + 100, body }],
        Some("reset") => vec![Reply::Reset],
        Some("hang") => vec![Reply::Hang],
        Some("refuse") => vec![],
        Some(other) => return Err(format!("there is no fault `{other}`")),
    })
}

/// `date+120`: the time of the attempt and 120 seconds, as HTTP writes it.
fn date(name: &str) -> Option<String> {
    let after_s: i64 = name.strip_prefix("date")?.parse().ok()?;
    let at = Timestamp::from_second(i64::try_from(NOW_MS / 1000).ok()? + after_s).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// An address that nobody listens on.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

fn message(case: &Value, deliveries: &[Delivery], component: [u8; 32]) -> Message {
    let members: Vec<_> = deliveries.iter().map(|one| one.id).collect();
    let notes = case["notes"].as_object().into_iter().flatten();
    Message {
        id: MessageId::of(members.iter().copied()),
        members,
        summary: "case".to_owned(),
        content_type: case["content_type"].as_str().unwrap_or_default().to_owned(),
        body: case["body"].as_str().unwrap_or_default().as_bytes().to_vec(),
        notes: notes.map(|(name, value)| (name.clone(), text(value))).collect(),
        repeat_safe_ms: 0,
        carry: None,
        component,
        settings: [0; 32],
    }
}

fn check_request(request: &Request, expected: &Value) -> Held {
    let mut line = request.head.line.split(' ');
    for (name, found) in [("method", line.next()), ("path", line.next())] {
        if let Some(expected) = expected.get(name) {
            equal(name, &found.map(Value::from).unwrap_or_default(), expected)?;
        }
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        equal(name, &request.header(name).map(Value::from).unwrap_or_default(), value)?;
    }
    if let Some(expected) = expected.get("json") {
        let text = request.text();
        let found = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        equal::<Value>("body", &found, expected)?;
    }
    match expected.get("body") {
        Some(expected) => equal("body", &Value::from(request.text()), expected),
        None => Ok(()),
    }
}

pub(super) fn check_verdict(verdict: &Verdict, expected: &Value) -> Held {
    let found = told(verdict);
    let Value::Object(expected) = expected else { return Err("expected an object".to_owned()) };
    for (name, expected) in expected {
        let found = found.get(name).unwrap_or(&Value::Null);
        let held = match (name.as_str(), expected.as_array().map(Vec::as_slice)) {
            // From least to most.
            ("after_ms", Some([least, most])) => {
                let found = found.as_u64();
                found >= least.as_u64() && found.is_some() && found <= most.as_u64()
            }
            ("warning" | "detail", None) => {
                let part = expected.as_str().unwrap_or_default();
                found.as_str().is_some_and(|found| found.contains(part))
            }
            _ => found == expected,
        };
        if !held {
            return Err(format!("{name}: expected {expected}, got {found} of {verdict:?}"));
        }
    }
    Ok(())
}

/// A verdict in the words of a case.
fn told(verdict: &Verdict) -> Value {
    let failure = match verdict {
        Verdict::Delivered(receipt) => {
            let proof = match receipt.proof {
                Proof::Sent => "sent",
                Proof::Accepted => "accepted",
                Proof::Confirmed => "confirmed",
            };
            return json!({
                "name": "delivered",
                "proof": proof,
                "duplicate": receipt.duplicate,
                "warned": receipt.warning.is_some(),
                "warning": receipt.warning,
                "remote_id": receipt.remote_id,
                "detail": receipt.detail,
            });
        }
        Verdict::Skipped(reason) => return with_reason("skipped", reason),
        Verdict::Failed(failure) => failure,
    };
    let (name, delay) = match failure {
        Failure::Rejected(reason) => return with_reason("rejected", reason),
        Failure::TooLarge(reason) => return with_reason("too-large", reason),
        Failure::Uncertain(reason) => return with_reason("uncertain", reason),
        Failure::Other(reason) => return with_reason("other", reason),
        Failure::Misconfigured(fault) => {
            return json!({
                "name": "misconfigured",
                "code": fault.code,
                "scope": scope(fault.scope),
                "detail": fault.detail,
            });
        }
        Failure::Unavailable(delay) => ("unavailable", delay),
        Failure::RateLimited(delay) => ("rate-limited", delay),
    };
    json!({
        "name": name,
        "code": delay.code,
        "scope": scope(delay.scope),
        "after_ms": delay.after_ms,
        "detail": delay.detail,
    })
}

fn with_reason(name: &str, reason: &Reason) -> Value {
    json!({"name": name, "code": reason.code, "detail": reason.detail})
}

pub(super) fn scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Recipient => "recipient",
        Scope::Endpoint => "endpoint",
        Scope::Origin => "origin",
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The way to the servers of tests.
fn egress_way() -> Arc<Way> {
    let config = Config::parse(Path::new("campanile.toml"), EGRESS_GRANT).expect("a table");
    let policy = Policy::read(&config).expect("no files are named");
    Arc::new(Way::of(&policy, "default", "any"))
}
