//! Cases of `format`: alerts and settings to messages.

use campanile::delivery::Delivery;
use campanile::runtime::bindings::kind::Fault;
use campanile::runtime::{Context, Draft, Formatting, Made, Manifest};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{
    Held, KindRef, Stage, deliver, deliveries, equal, fill, kind_settings, purpose, secrets,
    with_previous,
};

/// Where nothing is sent to.
const ORIGIN: &str = "http://127.0.0.1:9";

pub(super) async fn run(stage: &Stage, kind: KindRef<'_>, case: &Value) -> Held {
    let deliveries = with_previous(case, deliveries(case)?);
    let context = context(case, &kind.manifest)?;
    let mut formatting =
        Formatting::open(&stage.runtime, kind).await.map_err(|fault| fault.to_string())?;
    let made = whole(&mut formatting, &deliveries, &context).await?;

    let of = |name: &str| of_alerts(name, &deliveries);
    let expect = fill::all(&case["expect"], &of);
    match (made, expect.get("fault")) {
        (Err(fault), Some(expected)) => {
            equal("scope", &deliver::scope(fault.scope).into(), &expected["scope"])?;
            equal("code", &Value::from(fault.code), &expected["code"])
        }
        (Err(fault), None) => Err(format!("fault `{}`: {}", fault.code, fault.detail)),
        (Ok(made), Some(expected)) => Err(format!("expected the fault {expected}, got {made:?}")),
        (Ok(made), None) => {
            let expected = expect["messages"].as_array().cloned().unwrap_or_default();
            equal("number of messages", &made.drafts.len(), &expected.len())?;
            for (draft, expected) in made.drafts.iter().zip(&expected) {
                check(draft, expected)?;
            }
            let positions =
                |list: &[(usize, String)]| list.iter().map(|(at, _)| *at).collect::<Vec<_>>();
            equal("skipped", &positions(&made.skipped), &numbers(&expect["skipped"]))?;
            equal("rejected", &positions(&made.rejected), &numbers(&expect["rejected"]))
        }
    }
}

/// As many calls as the component's `batch-max` makes of it, and what they made together.
async fn whole(
    formatting: &mut Formatting,
    deliveries: &[Delivery],
    context: &Context,
) -> Result<Result<Made, Fault>, String> {
    let mut all = Made::default();
    let most = formatting.batch_max();
    for (at, chunk) in deliveries.chunks(most).enumerate() {
        let made = formatting.call(chunk, context, &TimeZone::UTC).await;
        let made = match made.map_err(|fault| format!("the call broke: {fault}"))? {
            Ok(made) => made,
            Err(fault) => return Ok(Err(fault)),
        };
        let first = at * most;
        all.drafts.extend(made.drafts.into_iter().map(|draft| Draft {
            alerts: draft.alerts.iter().map(|at| first + at).collect(),
            ..draft
        }));
        let placed = |list: Vec<(usize, String)>| {
            list.into_iter().map(|(at, why)| (first + at, why)).collect::<Vec<_>>()
        };
        all.skipped.extend(placed(made.skipped));
        all.rejected.extend(placed(made.rejected));
    }
    Ok(Ok(all))
}

fn check(draft: &Draft, expected: &Value) -> Held {
    equal("alerts", &draft.alerts, &numbers(&expected["alerts"]))?;
    let text = String::from_utf8_lossy(&draft.body).into_owned();
    for (name, found) in
        [("summary", &draft.summary), ("content_type", &draft.content_type), ("text", &text)]
    {
        if let Some(expected) = expected[name].as_str() {
            equal(name, &found.as_str(), &expected)?;
        }
    }
    if let Some(expected) = expected.get("json") {
        let found =
            serde_json::from_str(&text).map_err(|error| format!("no JSON ({error}): {text}"))?;
        equal::<Value>("json", &found, expected)?;
    }
    Ok(())
}

fn context(case: &Value, manifest: &Manifest) -> Result<Context, String> {
    let purpose = purpose(&case["context"]["purpose"])?;
    let omitted = case["context"]["omitted"].as_u64().unwrap_or(0);
    Ok(Context {
        settings: without_secrets(&kind_settings(case, ORIGIN), manifest),
        recipient_id: "1".to_owned(),
        recipient_name: "case".to_owned(),
        endpoint_id: "1".to_owned(),
        instance: "test".to_owned(),
        instance_link: None,
        engine: "campanile/1.2.3".to_owned(),
        zone: "UTC".to_owned(),
        locale: "en".to_owned(),
        purpose,
        omitted: u32::try_from(omitted).map_err(|error| error.to_string())?,
        group: Vec::new(),
        extra: Vec::new(),
    })
}

/// As the engine hands them to `format`. Secrets that cannot be what they should are left as they
/// are, for the component to refuse.
fn without_secrets(settings: &Map<String, Value>, manifest: &Manifest) -> String {
    match secrets::taken(manifest, settings, &[ORIGIN.to_owned()]) {
        Ok((_, template)) => template.for_format().to_owned(),
        Err(_) => Value::Object(settings.clone()).to_string(),
    }
}

/// `id.0`, `fingerprint.0`, `episode.0`, `received.0`.
fn of_alerts(name: &str, deliveries: &[Delivery]) -> Option<String> {
    let (what, at) = name.split_once('.')?;
    let alert = &deliveries.get(at.parse::<usize>().ok()?)?.alert;
    match what {
        "id" => Some(alert.id.to_string()),
        "fingerprint" => Some(alert.fingerprint.to_string()),
        "episode" => Some(alert.episode.to_string()),
        "received" => {
            let at = Timestamp::from_millisecond(i64::try_from(alert.received_ms).ok()?).ok()?;
            Some(at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        }
        _ => None,
    }
}

fn numbers(list: &Value) -> Vec<usize> {
    let list = list.as_array().into_iter().flatten().filter_map(Value::as_u64);
    list.filter_map(|number| usize::try_from(number).ok()).collect()
}
