//! A native kind that keeps what it was told, and does with it what its setting `does` says.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;
use crate::delivery::OUTPUT_BYTES_MAX;

/// Its `deliver_ms`: short, since a test waits for it.
pub(super) const DELIVER_MS: u32 = 200;

#[derive(Debug)]
pub(crate) struct Keeper {
    name: &'static str,
    told: watch::Sender<Vec<Value>>,
}

impl Keeper {
    pub(crate) fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, told: watch::Sender::default() })
    }

    /// Turned on.
    pub(crate) fn on(self: &Arc<Self>) -> Natives {
        let native: Arc<dyn NativeKind> = Arc::clone(self) as _;
        Natives { on: vec![native], off: Vec::new() }
    }

    /// What its `deliver` was told, once it was called so often.
    pub(crate) async fn told(&self, count: usize) -> Vec<Value> {
        let mut told = self.told.subscribe();
        let enough = told.wait_for(|told| told.len() >= count);
        let in_time = tokio::time::timeout(std::time::Duration::from_secs(20), enough).await;
        in_time.expect("a call in time").unwrap().clone()
    }
}

fn does(settings: &str) -> String {
    let settings: Value = serde_json::from_str(settings).unwrap();
    settings["does"].as_str().unwrap_or_default().to_owned()
}

impl NativeKind for Keeper {
    fn describe(&self) -> kind::Descriptor {
        let schema = json!({
            "type": "object",
            "properties": { "does": { "type": "string", "maxLength": 16 } },
            "additionalProperties": false,
        });
        kind::Descriptor {
            name: self.name.to_owned(),
            title: "Keeper".to_owned(),
            summary: "Keeps what it is told.".to_owned(),
            endpoint_schema: schema.to_string(),
            recipient_schema: schema.to_string(),
            reach: Vec::new(),
            batch_max: 4,
            concurrency: 1,
            deliver_ms: if self.name == "endless" { u32::MAX } else { DELIVER_MS },
            paces: Vec::new(),
            extra: Vec::new(),
        }
    }

    fn format(
        &self,
        subjects: &[NativeSubject<'_>],
        context: &kind::Context,
    ) -> Result<kind::Formatted, kind::Fault> {
        let all: Vec<u32> = (0..).take(subjects.len()).collect();
        let may_ban: Vec<_> = subjects.iter().map(|one| one.may_ban).collect();
        let raw: Vec<_> = subjects.iter().map(|one| one.subject.alert.raw.as_str()).collect();
        let message = |alerts: Vec<u32>| kind::Message {
            alerts,
            summary: "\u{1b}[31mred".to_owned(),
            content_type: "application/json".to_owned(),
            body: json!({ "may_ban": may_ban, "raw": raw }).to_string().into_bytes(),
            notes: Vec::new(),
            repeat_safe_ms: 0,
        };
        let mut made =
            kind::Formatted { messages: Vec::new(), skipped: Vec::new(), rejected: Vec::new() };
        match does(&context.settings).as_str() {
            "leaves-out" => made.messages.push(message(all[1..].to_vec())),
            "twice" => made.messages.extend([message(all.clone()), message(all)]),
            "panics" => panic!("the test's own fault"),
            "floods" => {
                let body = vec![b'x'; 5 << 20];
                made.messages.push(kind::Message { body, ..message(all) });
            }
            "faults" => {
                let (code, detail) = ("c\u{7}".to_owned(), "wrong\u{1b}".to_owned());
                return Err(kind::Fault { scope: kind::Scope::Recipient, code, detail });
            }
            "skips" => made.skipped.extend(
                all.into_iter().map(|alert| kind::Refusal { alert, detail: "no\u{1b}".to_owned() }),
            ),
            _ => made.messages.push(message(all)),
        }
        Ok(made)
    }

    fn deliver<'a>(
        &'a self,
        message: &'a kind::Message,
        settings: &'a str,
        attempt: &'a kind::Attempt,
    ) -> Doing<'a, NativeTold> {
        Box::pin(async move {
            let mut told: Value = serde_json::from_slice(&message.body).unwrap();
            told["deadline_ms"] = attempt.deadline_ms.into();
            told["is_test"] = (attempt.purpose == kind::Purpose::Test).into();
            self.told.send_modify(|all| all.push(told));
            let mut seen = Seen {
                origin: Some("keeper:kept".to_owned()),
                output: Some("kept\n".to_owned()),
                program_sha256: Some([7; 32]),
                ..Seen::default()
            };
            match does(settings).as_str() {
                "hangs" => std::future::pending().await,
                "panics-late" => panic!("the test's own fault"),
                "is-silent" => seen.origin = None,
                "is-wordy" => {
                    seen.origin = Some("keeper:\u{1b}[31m".repeat(100));
                    seen.output = Some(format!("a{}", "é".repeat(OUTPUT_BYTES_MAX)));
                }
                _ => {}
            }
            let receipt = kind::Receipt {
                remote_id: None,
                duplicate: false,
                proof: kind::Proof::Confirmed,
                warning: None,
                detail: String::new(),
            };
            let outcome = kind::Outcome {
                verdicts: vec![kind::Verdict::Delivered(receipt)],
                carry: None,
                budgets: Vec::new(),
                corrections: Vec::new(),
                extra: Vec::new(),
            };
            NativeTold { outcome, seen }
        })
    }

    fn probe<'a>(
        &'a self,
        settings: &'a str,
        _: kind::Scope,
    ) -> Doing<'a, Result<kind::Finding, kind::Failure>> {
        Box::pin(async move {
            let count = match does(settings).as_str() {
                "hangs" => std::future::pending().await,
                "panics-late" => panic!("the test's own fault"),
                "is-wordy" => 65,
                _ => 1,
            };
            let facts = vec![("a".to_owned(), "b".to_owned()); count];
            let certainty = kind::Certainty::Likely;
            Ok(kind::Finding { certainty, summary: "It is there.".to_owned(), facts })
        })
    }
}
