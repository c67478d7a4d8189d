//! Cases of `deliver`: a message and the service's answer to a verdict.

use std::path::Path;
use std::sync::Arc;

use campanile::capability::doors::Doors;
use campanile::capability::egress::{Grant, OriginGrant, Policy, Reach, Way, origins};
use campanile::capability::http::HttpDoor;
use campanile::capability::secrets::Keyring;
use campanile::config::Config;
use campanile::delivery::{Delivery, Message};
use campanile::ids::{EndpointId, MessageId, TenantId};
use campanile::runtime::bindings::kind::{Failure, Proof, Purpose, Scope, Verdict};
use campanile::runtime::{Delivering, Try};
use campanile_tests::capture::{Capture, Reply, Request};
use campanile_tests::site::EGRESS_GRANT;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use super::{Held, KindRef, NOW_MS, Stage, deliveries, equal, fill, kind_settings, secrets};

pub(super) async fn run(stage: &Stage, kind: KindRef<'_>, case: &Value) -> Held {
    let scene = Scene::set(case).await?;
    let (doors, settings) = scene.doors(stage, kind)?;
    let mut delivering =
        Delivering::open(&stage.runtime, kind, doors).await.map_err(|fault| fault.to_string())?;

    let one = deliveries(&json!({"producer_format": "native", "alerts": [{"title": "case"}]}))?;
    let message = message(&case["message"], &one, kind.digest);
    let number = u32::try_from(case["attempt"].as_u64().unwrap_or(1)).map_err(|e| e.to_string())?;
    let this = Try {
        number,
        now_ms: NOW_MS,
        first_ms: NOW_MS,
        zone: &TimeZone::UTC,
        purpose: Purpose::Live,
    };
    let told = delivering.call(&message, &one, &settings, this).await;
    let outcome = told.outcome.map_err(|fault| format!("the call broke: {fault}"))?;

    scene.check_request(case, Some(&message.id.to_string()))?;
    match (&outcome.verdicts[..], case.get("verdict")) {
        ([only], Some(expected)) => check_verdict(only, expected),
        (_, None) => Err("expected `verdict`".to_owned()),
        (many, _) => Err(format!("expected one verdict for the message, got {many:?}")),
    }
}

/// A server that answers by script, and the settings that lead to it.
pub(super) struct Scene {
    capture: Capture,
    address: String,
    settings: Map<String, Value>,
}

impl Scene {
    pub(super) async fn set(case: &Value) -> Result<Self, String> {
        let capture = Capture::answering(reply(&case["answer"])?).await;
        let refused = case["answer"]["fault"] == "refuse";
        let address = if refused { nobody().await } else { capture.address().to_string() };
        let settings = kind_settings(case, &format!("http://{address}"));
        Ok(Self { capture, address, settings })
    }

    /// The way to the origins that the settings name, and the settings as the component gets them.
    /// Those that name none grant none, and the component is to say what is wrong: then secrets that
    /// cannot be what they should are left as they are.
    pub(super) fn doors(
        &self,
        stage: &Stage,
        kind: KindRef<'_>,
    ) -> Result<(Doors, String), String> {
        let reach = origins(&kind.descriptor.reach, &kind.manifest.origins(), &self.settings);
        let reach = reach.unwrap_or_default();
        let bound_to: Vec<_> = reach.iter().map(ToString::to_string).collect();
        let origins = reach.into_iter().map(OriginGrant::whole).collect();
        let reach = Reach { origins, targets: Vec::new() };
        let grant = Grant::new(TenantId::DEFAULT, EndpointId(1), reach, egress_way());
        let http = HttpDoor::new(stage.gate.clone(), grant);
        if bound_to.is_empty() {
            return Ok((Doors::new(http), Value::Object(self.settings.clone()).to_string()));
        }
        let (credentials, template) = secrets::taken(&kind.manifest, &self.settings, &bound_to)?;
        let mut doors = Doors::new(http);
        doors.keyring = Keyring::mint(credentials);
        let settings = doors.keyring.settings(&template);
        Ok((doors, settings))
    }

    pub(super) fn check_request(&self, case: &Value, message_id: Option<&str>) -> Held {
        let Some(expected) = case.get("request").filter(|it| !it.is_null()) else { return Ok(()) };
        let of = |name: &str| match name {
            "message_id" => message_id.map(str::to_owned),
            "attempt_s" => Some((NOW_MS / 1000).to_string()),
            "origin" => Some(format!("http://{}", self.address)),
            _ => None,
        };
        let requests = self.capture.requests();
        equal("number of requests", &requests.len(), &1)?;
        check_request(&requests[0], &fill::all(expected, &of))
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
            });
        }
        Verdict::Skipped(reason) => return json!({"name": "skipped", "code": reason.code}),
        Verdict::Failed(failure) => failure,
    };
    let (name, delay) = match failure {
        Failure::Rejected(reason) => return json!({"name": "rejected", "code": reason.code}),
        Failure::TooLarge(reason) => return json!({"name": "too-large", "code": reason.code}),
        Failure::Uncertain(reason) => return json!({"name": "uncertain", "code": reason.code}),
        Failure::Other(reason) => return json!({"name": "other", "code": reason.code}),
        Failure::Misconfigured(fault) => {
            return json!({"name": "misconfigured", "code": fault.code, "scope": scope(fault.scope)});
        }
        Failure::Unavailable(delay) => ("unavailable", delay),
        Failure::RateLimited(delay) => ("rate-limited", delay),
    };
    json!({
        "name": name,
        "code": delay.code,
        "scope": scope(delay.scope),
        "after_ms": delay.after_ms,
    })
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
