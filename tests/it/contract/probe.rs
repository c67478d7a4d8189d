//! Cases of `probe`: the service's answer to a finding, or to why there is none.

use campanile::runtime::bindings::kind::{Certainty, Scope, Verdict};
use campanile::runtime::probe;
use serde_json::Value;

use super::deliver::{Scene, check_verdict};
use super::{Held, KindRef, Stage, equal};

pub(super) async fn run(stage: &Stage, kind: KindRef<'_>, case: &Value) -> Held {
    let mut scene = Scene::set(case).await?;
    let folder = scene.folder(kind, case)?;
    let (mut doors, settings) = scene.doors(stage, kind)?;
    doors.files = folder.door();
    folder.lay(case, &|_| None)?;
    let scope = if case["scope"] == "recipient" { Scope::Recipient } else { Scope::Endpoint };
    scene.play(case, None)?;
    let found = probe(&stage.runtime, kind, doors, &settings, scope).await;
    let found = found.found.map_err(|fault| format!("the call broke: {fault}"))?;
    scene.check_requests(case, None)?;
    folder.check(case, &|_| None).map_err(|what| format!("{what}; {found:?}"))?;
    scene.heard(case, None).await.map_err(|what| format!("{what}; {found:?}"))?;
    match (found, case.get("finding"), case.get("verdict")) {
        (Ok(finding), Some(expected), None) => {
            let certainty = match finding.certainty {
                Certainty::Unchecked => "unchecked",
                Certainty::Reachable => "reachable",
                Certainty::Likely => "likely",
                Certainty::Proven => "proven",
            };
            equal("certainty", &Value::from(certainty), &expected["certainty"])?;
            for (name, expected) in expected["facts"].as_object().into_iter().flatten() {
                let found = finding.facts.iter().find(|(fact, _)| fact == name);
                equal(
                    name,
                    &found.map(|(_, value)| Value::from(&value[..])),
                    &Some(expected.clone()),
                )?;
            }
            let part = expected["summary"].as_str().unwrap_or_default();
            equal("summary has its part", &finding.summary.contains(part), &true)
                .map_err(|what| format!("{what}: {}", finding.summary))
        }
        (Err(failure), None, Some(expected)) => check_verdict(&Verdict::Failed(failure), expected),
        (found, ..) => Err(format!("expected either `finding` or `verdict`, got {found:?}")),
    }
}
