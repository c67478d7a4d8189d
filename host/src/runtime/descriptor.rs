//! A descriptor as it is kept: `describe` runs once, when a component is installed.

use serde::{Deserialize, Serialize};

use super::bindings::kind::{Descriptor, Pace, Scope};

/// A component's description of itself, in JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    name: String,
    title: String,
    summary: String,
    endpoint_schema: String,
    recipient_schema: String,
    reach: Vec<String>,
    batch_max: u32,
    concurrency: u32,
    deliver_ms: u32,
    paces: Vec<KeptPace>,
    extra: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeptPace {
    scope: KeptScope,
    count: u32,
    per_ms: u32,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeptScope {
    Recipient,
    Endpoint,
    Origin,
}

/// The text to keep.
pub(super) fn write(of: &Descriptor) -> String {
    let of = of.clone();
    let pace = |one: Pace| KeptPace {
        scope: match one.scope {
            Scope::Recipient => KeptScope::Recipient,
            Scope::Endpoint => KeptScope::Endpoint,
            Scope::Origin => KeptScope::Origin,
        },
        count: one.count,
        per_ms: one.per_ms,
    };
    let kept = Kept {
        name: of.name,
        title: of.title,
        summary: of.summary,
        endpoint_schema: of.endpoint_schema,
        recipient_schema: of.recipient_schema,
        reach: of.reach,
        batch_max: of.batch_max,
        concurrency: of.concurrency,
        deliver_ms: of.deliver_ms,
        paces: of.paces.into_iter().map(pace).collect(),
        extra: of.extra,
    };
    // It is made of texts, numbers and lists: always JSON.
    serde_json::to_string(&kept).unwrap_or_default()
}

/// What was kept; `None`: another version of the engine kept it, and it must be asked for anew.
pub(super) fn read(text: &str) -> Option<Descriptor> {
    let kept: Kept = serde_json::from_str(text).ok()?;
    let pace = |one: KeptPace| Pace {
        scope: match one.scope {
            KeptScope::Recipient => Scope::Recipient,
            KeptScope::Endpoint => Scope::Endpoint,
            KeptScope::Origin => Scope::Origin,
        },
        count: one.count,
        per_ms: one.per_ms,
    };
    Some(Descriptor {
        name: kept.name,
        title: kept.title,
        summary: kept.summary,
        endpoint_schema: kept.endpoint_schema,
        recipient_schema: kept.recipient_schema,
        reach: kept.reach,
        batch_max: kept.batch_max,
        concurrency: kept.concurrency,
        deliver_ms: kept.deliver_ms,
        paces: kept.paces.into_iter().map(pace).collect(),
        extra: kept.extra,
    })
}
