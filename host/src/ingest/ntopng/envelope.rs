//! What ntopng wraps around its alerts, in all its versions.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::loose::Loose;
use super::secret;
use crate::ids::Secret;
use crate::ingest::json::Text;

/// The envelope's secret, and the alerts inside, unread.
pub(super) struct Opened<'a> {
    pub(super) secret: Option<Secret>,
    pub(super) alerts: Vec<Unread<'a>>,
}

pub(super) enum Unread<'a> {
    Json(&'a str),
    /// One object that is both envelope and alert, its secret blanked.
    Blanked(String),
}

/// `Err`: not JSON.
pub(super) fn open(body: &str) -> serde_json::Result<Opened<'_>> {
    // One pass for what ntopng sends: an object whose `alerts` is an array.
    if let Ok(Envelope { secret, alerts: Some(alerts), .. }) = serde_json::from_str(body) {
        return Ok(Opened { secret, alerts: unread(alerts) });
    }
    // Anything else, value by value, so that one alert per line is read, too.
    let mut opened = Opened { secret: None, alerts: Vec::new() };
    for value in serde_json::Deserializer::from_str(body).into_iter::<&RawValue>() {
        let one = value_of(value?.get());
        opened.secret = opened.secret.or(one.secret);
        opened.alerts.extend(one.alerts);
    }
    Ok(opened)
}

fn unread(values: Vec<&RawValue>) -> Vec<Unread<'_>> {
    values.into_iter().map(|value| Unread::Json(value.get())).collect()
}

fn value_of(json: &str) -> Opened<'_> {
    if json.starts_with('[') {
        let values = serde_json::from_str::<Vec<&RawValue>>(json).unwrap_or_default();
        return Opened { secret: None, alerts: unread(values) };
    }
    let Ok(envelope) = serde_json::from_str::<Envelope<'_, &RawValue>>(json) else {
        return Opened { secret: None, alerts: vec![bare(json)] };
    };
    let alerts = match envelope.alerts.map(RawValue::get) {
        Some(alerts) if alerts.starts_with('[') => {
            unread(serde_json::from_str(alerts).unwrap_or_default())
        }
        // An empty table of Lua is printed as an object by some versions.
        Some(alerts) if is_empty_object(alerts) || alerts == "null" => Vec::new(),
        Some(alerts) => vec![Unread::Json(alerts)],
        None if !envelope.is_alert => Vec::new(),
        None if envelope.secret.is_some() => vec![bare(json)],
        None => vec![Unread::Json(json)],
    };
    Opened { secret: envelope.secret, alerts }
}

fn bare(json: &str) -> Unread<'_> {
    Unread::Blanked(secret::blank(json).0)
}

fn is_empty_object(json: &str) -> bool {
    json.strip_prefix('{').is_some_and(|rest| rest.trim_ascii_start() == "}")
}

struct Envelope<'a, Alerts = Vec<&'a RawValue>> {
    secret: Option<Secret>,
    alerts: Option<Alerts>,
    /// It has keys that are none of an envelope's.
    is_alert: bool,
    lifetime: std::marker::PhantomData<&'a ()>,
}

impl<'de: 'a, 'a, Alerts: Deserialize<'de>> Deserialize<'de> for Envelope<'a, Alerts> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self {
            secret: None,
            alerts: None,
            is_alert: false,
            lifetime: std::marker::PhantomData,
        })
    }
}

impl<'de: 'a, 'a, Alerts: Deserialize<'de>> Visitor<'de> for Envelope<'a, Alerts> {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Self, M::Error> {
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "alerts" => self.alerts = Some(map.next_value()?),
                "sharedsecret" => {
                    let sent: Loose<'_> = map.next_value()?;
                    self.secret = sent.some_text().map(Secret::new);
                }
                "version" | "timestamp" | "source" | "metadata" => {
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    self.is_alert = true;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(self)
    }
}
