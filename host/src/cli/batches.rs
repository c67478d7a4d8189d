//! Cuts a file of alerts into batches that the engine takes at once.

use serde_json::value::RawValue;

/// Alerts of a batch: enough that its commit costs little per alert.
const ALERTS_MAX: usize = 500;
/// Bytes of a batch, unless one alert alone is larger: well under the default bound of a body.
const BYTES_MAX: usize = 256 << 10;
/// Bytes of what is around the alerts.
const FRAME_BYTES: usize = 32;

/// What alerts look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// By the first alert
    #[default]
    Auto,
    /// Campanile's own schema
    Native,
    /// As ntopng makes them, with or without its envelope
    Ntopng,
    /// As Prometheus Alertmanager makes them, with or without its envelope
    Alertmanager,
}

impl Format {
    /// The name of whoever makes such alerts, as the API has it.
    pub(super) fn producer(self) -> &'static str {
        match self {
            Self::Auto | Self::Native => "native",
            Self::Ntopng => "ntopng",
            Self::Alertmanager => "alertmanager",
        }
    }
}

/// Some alerts of a file, one after the other.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) format: Format,
    /// Position of the first of them in the file, from 0.
    pub(super) first: usize,
    pub(super) alerts: Vec<&'a RawValue>,
    /// What they came in, where it says more than they do themselves.
    envelope: Option<&'a RawValue>,
}

impl Batch<'_> {
    pub(super) fn body(&self) -> String {
        if let Some(envelope) = self.envelope {
            return envelope.get().to_owned();
        }
        let alerts: Vec<&str> = self.alerts.iter().map(|one| one.get()).collect();
        let alerts = alerts.join(",");
        match self.format {
            Format::Ntopng => format!(r#"{{"version":"0.2","alerts":[{alerts}]}}"#),
            Format::Alertmanager => format!(r#"{{"version":"4","alerts":[{alerts}]}}"#),
            Format::Native | Format::Auto => format!("[{alerts}]"),
        }
    }
}

/// All alerts of `input`: JSON values one after the other, each an alert, an array of them, or an
/// envelope of ntopng or Alertmanager. The engine takes bodies of `body_bytes_max` bytes.
pub(super) fn split(
    input: &[u8],
    format: Format,
    body_bytes_max: usize,
) -> Result<Vec<Batch<'_>>, NotJson> {
    let mut values: Vec<&RawValue> = Vec::new();
    for value in serde_json::Deserializer::from_slice(input).into_iter::<&RawValue>() {
        let value = value?;
        match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            Ok(list) => values.extend(list),
            Err(_) => values.push(value),
        }
    }
    let format = match (format, values.first()) {
        (Format::Auto, Some(first)) => guess(first),
        (Format::Auto, None) => Format::Native,
        (given, _) => given,
    };
    if format == Format::Alertmanager {
        return Ok(groups(&values));
    }
    let unpacked = values.into_iter().flat_map(|value| match format {
        Format::Ntopng => envelope(value).unwrap_or_else(|| vec![value]),
        _ => vec![value],
    });

    let bytes_max = body_bytes_max.saturating_sub(FRAME_BYTES).min(BYTES_MAX);
    let mut batches: Vec<Batch<'_>> = Vec::new();
    let mut bytes = 0;
    for (at, alert) in unpacked.enumerate() {
        let length = alert.get().len() + 1;
        match batches.last_mut() {
            Some(last) if last.alerts.len() < ALERTS_MAX && bytes + length <= bytes_max => {
                last.alerts.push(alert);
                bytes += length;
            }
            _ => {
                batches.push(Batch { format, first: at, alerts: vec![alert], envelope: None });
                bytes = length;
            }
        }
    }
    Ok(batches)
}

/// The input is not JSON.
#[derive(Debug, thiserror::Error)]
#[error("expected JSON at line {line}, column {column} of the input; correct it", line = source.line(),
        column = source.column())]
pub(super) struct NotJson {
    #[from]
    source: serde_json::Error,
}

/// Each group of Alertmanager as it is: what its alerts have in common is told once, around them.
fn groups<'a>(values: &[&'a RawValue]) -> Vec<Batch<'a>> {
    let mut first = 0;
    let batch = |value: &&'a RawValue| {
        let (alerts, envelope) = match envelope(value) {
            Some(alerts) => (alerts, Some(*value)),
            None => (vec![*value], None),
        };
        let batch = Batch { format: Format::Alertmanager, first, alerts, envelope };
        first += batch.alerts.len();
        batch
    };
    values.iter().map(batch).collect()
}

/// The alerts in an envelope, if it is one.
fn envelope(value: &RawValue) -> Option<Vec<&RawValue>> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        alerts: Vec<&'a RawValue>,
    }
    serde_json::from_str::<Envelope<'_>>(value.get()).ok().map(|envelope| envelope.alerts)
}

/// ntopng names types and things by number, and Alertmanager has keys in a spelling of its own; our
/// own schema has none of them.
fn guess(value: &RawValue) -> Format {
    use serde::de::IgnoredAny;
    let fields: std::collections::HashMap<String, IgnoredAny> =
        serde_json::from_str(value.get()).unwrap_or_default();
    let any = |keys: &[&str]| keys.iter().any(|key| fields.contains_key(*key));
    if any(&["groupKey", "groupLabels", "startsAt", "generatorURL"]) {
        Format::Alertmanager
    } else if any(&["alerts", "alert_id", "alert_type_id"])
        || any(&["tstamp"]) && any(&["entity_id", "entity_val"])
    {
        Format::Ntopng
    } else {
        Format::Native
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_follows_the_input_unless_it_is_given() {
        let ntopng = r#"{"alert_id":28,"tstamp":1,"entity_val":"flow"}"#;
        let table = [
            (
                r#"{"title":"a"}"#.to_owned(),
                Format::Auto,
                Format::Native,
                r#"[{"title":"a"}]"#.to_owned(),
            ),
            (
                "{\"title\":\n\"a\"}\n{\"title\":\"b\"}\n".into(),
                Format::Auto,
                Format::Native,
                "[{\"title\":\n\"a\"},{\"title\":\"b\"}]".into(),
            ),
            (
                r#"[{"title":"a"}, {"title":"b"}]"#.into(),
                Format::Auto,
                Format::Native,
                r#"[{"title":"a"},{"title":"b"}]"#.into(),
            ),
            (
                format!("{ntopng}\n{ntopng}"),
                Format::Auto,
                Format::Ntopng,
                format!(r#"{{"version":"0.2","alerts":[{ntopng},{ntopng}]}}"#),
            ),
            (
                format!(r#"{{"version":"0.2","sharedsecret":"x","alerts":[{ntopng}]}}"#),
                Format::Auto,
                Format::Ntopng,
                format!(r#"{{"version":"0.2","alerts":[{ntopng}]}}"#),
            ),
            (
                r#"{"title":"a"}"#.into(),
                Format::Ntopng,
                Format::Ntopng,
                r#"{"version":"0.2","alerts":[{"title":"a"}]}"#.into(),
            ),
            (
                r#"{"version":"4","groupKey":"k","alerts":[{"startsAt":"x"}]}"#.into(),
                Format::Auto,
                Format::Alertmanager,
                r#"{"version":"4","groupKey":"k","alerts":[{"startsAt":"x"}]}"#.into(),
            ),
            (
                r#"{"labels":{},"startsAt":"x"}"#.into(),
                Format::Auto,
                Format::Alertmanager,
                r#"{"version":"4","alerts":[{"labels":{},"startsAt":"x"}]}"#.into(),
            ),
            (
                r#"{"title":"a","alerts":[]}"#.into(),
                Format::Native,
                Format::Native,
                r#"[{"title":"a","alerts":[]}]"#.into(),
            ),
        ];
        for (input, given, expected, body) in table {
            let batches = split(input.as_bytes(), given, usize::MAX).unwrap();
            assert_eq!(batches.len(), 1, "{input}");
            assert_eq!((batches[0].format, batches[0].body()), (expected, body), "{input}");
        }
    }

    #[test]
    fn large_input_is_cut_by_count_and_by_bytes_and_loses_nothing() {
        let many: String = (0..1201).map(|at| format!("{{\"title\":\"{at}\"}}\n")).collect();
        let sizes_within = |input: &str, body_bytes_max: usize| -> Vec<(usize, usize)> {
            let batches = split(input.as_bytes(), Format::Auto, body_bytes_max).unwrap();
            assert!(
                batches
                    .iter()
                    .all(|one| one.alerts.len() == 1 || one.body().len() <= body_bytes_max)
            );
            batches.iter().map(|one| (one.first, one.alerts.len())).collect()
        };
        let sizes = |input: &str| sizes_within(input, 1 << 20);
        assert_eq!(sizes_within("11\n22\n33", 38), [(0, 2), (2, 1)]);
        assert_eq!(sizes(&many), [(0, 500), (500, 500), (1000, 201)]);
        let large = format!("\"{}\"\n", "x".repeat(100 << 10)).repeat(5);
        assert_eq!(sizes(&large), [(0, 2), (2, 2), (4, 1)]);
        let huge = format!("\"{}\"\n", "x".repeat(300 << 10)).repeat(2);
        assert_eq!(sizes(&huge), [(0, 1), (1, 1)]);
        assert_eq!(sizes(" \n"), []);
    }

    #[test]
    fn groups_of_alertmanager_stay_whole_and_their_alerts_are_counted() {
        let two = r#"{"groupKey":"a","alerts":[{"startsAt":"1"},{"startsAt":"2"}]}"#;
        let one = r#"{"groupKey":"b","alerts":[{"startsAt":"3"}]}"#;
        let input = format!("[{two},{one}]\n{one}");
        let batches = split(input.as_bytes(), Format::Auto, 99).unwrap();
        let found: Vec<_> =
            batches.iter().map(|batch| (batch.first, batch.alerts.len(), batch.body())).collect();
        assert_eq!(found, [(0, 2, two.into()), (2, 1, one.into()), (3, 1, one.into())]);
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        let error = split(b"{\"title\":\"a\"}\n{\"title\" \"b\"}", Format::Auto, 99).unwrap_err();
        assert!(error.to_string().contains("line 2, column 10"), "{error}");
    }
}
