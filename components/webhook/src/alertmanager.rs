//! A notification as Alertmanager's webhook has it, version 4: one alert, in a group of its own.
//!
//! One alert in a group, so that `status` and `groupKey` are of this condition alone: what opens an
//! incident by them closes that one, and no other.
//!
//! Source: <https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>.

use campanile_guest::native::Pairs;
use campanile_guest::{Action, Alert, Context, Purpose};
use serde::Serialize;

/// The whole body. `omitted`: alerts left out before this one.
pub(crate) fn notification(alert: &Alert, context: &Context, omitted: u32) -> String {
    let labels = labels(alert, context.purpose);
    let annotations = annotations(alert);
    let group = [("alertname".to_owned(), value(&labels, "alertname").to_owned())];
    let is_over = alert.action == Action::Release;
    let status = if is_over { "resolved" } else { "firing" };
    let end = alert.ended.as_ref().unwrap_or(&alert.received);
    let one = Element {
        status,
        labels: Pairs(&labels),
        annotations: Pairs(&annotations),
        starts_at: &alert.time.utc,
        ends_at: if is_over { &end.utc } else { NEVER },
        generator_url: alert.link.as_deref().unwrap_or_default(),
        fingerprint: &alert.fingerprint,
    };
    written(&Body {
        receiver: &context.recipient_name,
        status,
        alerts: &[one],
        group_labels: Pairs(&group),
        common_labels: Pairs(&labels),
        common_annotations: Pairs(&annotations),
        external_url: context.instance_link.as_deref().unwrap_or_default(),
        version: VERSION,
        group_key: &format!("{{}}:{{fingerprint=\"{}\"}}", alert.fingerprint),
        truncated_alerts: omitted,
    })
}

/// A notification of nothing, for a probe.
pub(crate) fn nothing() -> String {
    written(&Body {
        receiver: "campanile",
        status: "resolved",
        alerts: &[],
        group_labels: Pairs(&[]),
        common_labels: Pairs(&[]),
        common_annotations: Pairs(&[]),
        external_url: "",
        version: VERSION,
        group_key: "{}:{}",
        truncated_alerts: 0,
    })
}

const VERSION: &str = "4";

/// Go's zero time: Alertmanager's end of what has none.
const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    receiver: &'a str,
    status: &'a str,
    alerts: &'a [Element<'a>],
    group_labels: Pairs<'a>,
    common_labels: Pairs<'a>,
    common_annotations: Pairs<'a>,
    #[serde(rename = "externalURL")]
    external_url: &'a str,
    version: &'a str,
    group_key: &'a str,
    truncated_alerts: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Element<'a> {
    status: &'a str,
    labels: Pairs<'a>,
    annotations: Pairs<'a>,
    starts_at: &'a str,
    ends_at: &'a str,
    #[serde(rename = "generatorURL")]
    generator_url: &'a str,
    fingerprint: &'a str,
}

fn written(body: &Body<'_>) -> String {
    // Strings, numbers and maps with string keys: there is nothing here that can fail.
    serde_json::to_string(body).unwrap_or_default()
}

type Named = Vec<(String, String)>;

/// What the producer labeled it with, and what receivers look for beside. So an alert that came from
/// Alertmanager has the labels that it came with.
fn labels(alert: &Alert, purpose: Purpose) -> Named {
    let mut labels = named(&alert.labels);
    add(&mut labels, "alertname", &alert.alert_type);
    add(&mut labels, "severity", alert.severity.name());
    add(&mut labels, "instance", &alert.entity_value);
    add(&mut labels, "category", &alert.category);
    add(&mut labels, "producer", &alert.producer);
    if let Some(flow) = &alert.flow {
        add(&mut labels, "client", &flow.client.ip);
        add(&mut labels, "server", &flow.server.ip);
    }
    add(&mut labels, "interface", alert.interface_name.as_deref().unwrap_or_default());
    if purpose != Purpose::Live {
        add(&mut labels, "purpose", purpose.name());
    }
    labels
}

fn annotations(alert: &Alert) -> Named {
    let mut annotations = named(&alert.annotations);
    add(&mut annotations, "summary", &alert.title);
    add(&mut annotations, "description", &alert.text);
    annotations
}

/// The same under names that Prometheus takes.
fn named(given: &[(String, String)]) -> Named {
    let mut named = Vec::with_capacity(given.len() + 8);
    for (name, value) in given {
        add(&mut named, &name_of(name), value);
    }
    named
}

/// The first of a name stays; what is empty is as good as not there.
fn add(to: &mut Named, name: &str, value: &str) {
    if !value.is_empty() && !to.iter().any(|(one, _)| one == name) {
        to.push((name.to_owned(), value.to_owned()));
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`, with `_` for what else is in a name.
fn name_of(name: &str) -> String {
    let mut of = String::with_capacity(name.len() + 1);
    if name.is_empty() || name.starts_with(|one: char| one.is_ascii_digit()) {
        of.push('_');
    }
    let fits = |one: char| one.is_ascii_alphanumeric() || one == '_';
    of.extend(name.chars().map(|one| if fits(one) { one } else { '_' }));
    of
}

fn value<'a>(labels: &'a Named, name: &str) -> &'a str {
    labels.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_prometheus_takes() {
        let table = [
            ("instance", "instance"),
            ("k8s.io/pod-name", "k8s_io_pod_name"),
            ("7days", "_7days"),
            ("-x", "_x"),
            ("", "_"),
            ("na\u{efff}me\"}", "na_me__"),
            ("_a9", "_a9"),
        ];
        for (name, expected) in table {
            assert_eq!(name_of(name), expected, "{name:?}");
        }
    }

    #[test]
    fn the_first_of_a_name_stays_and_what_is_empty_is_left_out() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let given = [pair("a.b", "1"), pair("a-b", "2"), pair("c", ""), pair("c", "3")];
        assert_eq!(named(&given), [pair("a_b", "1"), pair("c", "3")]);
    }
}
