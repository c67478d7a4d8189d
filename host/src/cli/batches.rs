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
}

/// Some alerts of a file, one after the other.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) format: Format,
    /// Position of the first of them in the file, from 0.
    pub(super) first: usize,
    alerts: Vec<&'a RawValue>,
}

impl Batch<'_> {
    pub(super) fn body(&self) -> String {
        let alerts: Vec<&str> = self.alerts.iter().map(|one| one.get()).collect();
        let alerts = alerts.join(",");
        match self.format {
            Format::Ntopng => format!(r#"{{"version":"0.2","alerts":[{alerts}]}}"#),
            Format::Native | Format::Auto => format!("[{alerts}]"),
        }
    }
}

/// All alerts of `input`: JSON values one after the other, each an alert, an array of them, or an
/// envelope of ntopng. The engine takes bodies of `body_bytes_max` bytes.
pub(super) fn split(
    input: &[u8],
    format: Format,
    body_bytes_max: usize,
) -> Result<Vec<Batch<'_>>, NotJson> {
    let mut alerts: Vec<&RawValue> = Vec::new();
    let mut seen = None;
    for value in serde_json::Deserializer::from_slice(input).into_iter::<&RawValue>() {
        let value = value?;
        if let Ok(list) = serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            alerts.extend(list);
        } else if let Some(envelope) = envelope(value).filter(|_| format != Format::Native) {
            seen = Some(Format::Ntopng);
            alerts.extend(envelope);
        } else {
            alerts.push(value);
        }
    }
    let found = seen.or_else(|| alerts.first().map(|one| guess(one))).unwrap_or(Format::Native);
    let format = if format == Format::Auto { found } else { format };

    let bytes_max = body_bytes_max.saturating_sub(FRAME_BYTES).min(BYTES_MAX);
    let mut batches: Vec<Batch<'_>> = Vec::new();
    let mut bytes = 0;
    for (at, alert) in alerts.into_iter().enumerate() {
        let length = alert.get().len() + 1;
        match batches.last_mut() {
            Some(last) if last.alerts.len() < ALERTS_MAX && bytes + length <= bytes_max => {
                last.alerts.push(alert);
                bytes += length;
            }
            _ => {
                batches.push(Batch { format, first: at, alerts: vec![alert] });
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

/// The alerts in an envelope of ntopng, if it is one.
fn envelope(value: &RawValue) -> Option<Vec<&RawValue>> {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        alerts: Vec<&'a RawValue>,
    }
    serde_json::from_str::<Envelope<'_>>(value.get()).ok().map(|envelope| envelope.alerts)
}

/// ntopng names types and things by number; our own schema has neither key.
fn guess(alert: &RawValue) -> Format {
    use serde::de::IgnoredAny;
    let fields: std::collections::HashMap<String, IgnoredAny> =
        serde_json::from_str(alert.get()).unwrap_or_default();
    let any = |keys: &[&str]| keys.iter().any(|key| fields.contains_key(*key));
    if any(&["alert_id", "alert_type_id"]) || any(&["tstamp"]) && any(&["entity_id", "entity_val"])
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
    fn what_is_not_json_is_told_with_its_place() {
        let error = split(b"{\"title\":\"a\"}\n{\"title\" \"b\"}", Format::Auto, 99).unwrap_err();
        assert!(error.to_string().contains("line 2, column 10"), "{error}");
    }
}
