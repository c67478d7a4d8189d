//! An alert: one state change of one thing, the same shape for every producer.
//!
//! Mirrors `alerts.alert` of `wit/endpoint.wit`, with instants as milliseconds since the Unix
//! epoch, UTC. Not here: how bytes become alerts (`ingest`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{AlertId, Fingerprint, TenantId};

/// One alert, as it was accepted. It never changes after the commit that took it in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    #[serde(skip, default = "unset::id")]
    pub id: AlertId,
    #[serde(skip, default = "unset::tenant")]
    pub tenant: TenantId,
    #[serde(skip, default = "unset::fingerprint")]
    pub fingerprint: Fingerprint,
    /// Id of the alert that opened this condition; its own id for `store` and `engage`, and for a
    /// release whose engage is not known.
    #[serde(skip, default = "unset::id")]
    pub episode: AlertId,
    /// Who raised it: `ntopng`, or the name that the sender gave.
    pub producer: String,
    pub time_ms: u64,
    pub received_ms: u64,
    /// When the condition ended, for a release.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended_ms: Option<u64>,
    pub severity: Severity,
    pub score: u32,
    pub action: Action,
    /// `security`, `network`, `system`, ...
    pub category: String,
    /// Machine name of the alert's type: `low_goodput`.
    pub alert_type: String,
    /// Human name of the alert's type: `Low Goodput`.
    pub title: String,
    /// Plain text; may contain anything an attacker can put on the wire.
    pub text: String,
    /// `flow`, `host`, `interface`, ...
    pub entity_kind: String,
    pub entity_value: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub interface_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub flow: Option<Flow>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host: Option<Party>,
    /// A page about this alert, http or https.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub link: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub labels: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub annotations: Vec<(String, String)>,
    /// The alert object as the producer sent it, byte for byte; its envelope is not in it.
    #[serde(skip)]
    pub raw: String,
    /// The token that it came by may have addresses banned. Nothing that is sent says so, and no
    /// component is told.
    #[serde(skip)]
    pub may_ban: bool,
}

/// What the store keeps in columns of its own beside the body, and fills in when it reads.
mod unset {
    use super::{AlertId, Fingerprint, TenantId};

    pub(super) fn id() -> AlertId {
        AlertId::from_bytes([0; 16])
    }

    pub(super) fn tenant() -> TenantId {
        TenantId(0)
    }

    pub(super) fn fingerprint() -> Fingerprint {
        Fingerprint([0; 16])
    }
}

/// From least to most urgent. The numbers are ntopng's.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    None,
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Severity {
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Debug,
        Self::Info,
        Self::Notice,
        Self::Warning,
        Self::Error,
        Self::Critical,
        Self::Alert,
        Self::Emergency,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    /// ntopng's bands of score; 0 is `none`.
    pub fn of_score(score: u32) -> Self {
        match score {
            0 => Self::None,
            1..=9 => Self::Info,
            10..=49 => Self::Notice,
            50..=99 => Self::Warning,
            100..=199 => Self::Error,
            200..=249 => Self::Critical,
            250.. => Self::Emergency,
        }
    }

    /// The least score of the severity's band, where a producer gives a severity and no score.
    pub fn score(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Debug | Self::Info => 1,
            Self::Notice => 10,
            Self::Warning => 50,
            Self::Error => 100,
            Self::Critical => 200,
            Self::Alert | Self::Emergency => 250,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("expected a severity, one of {names}")
        })
    }
}

/// `Store`: a one-off event. `Engage` opens a condition, `Release` closes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Store,
    Engage,
    Release,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Engage => "engage",
            Self::Release => "release",
        }
    }
}

/// One side of a flow, or the host an alert is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Party {
    /// IPv4 or IPv6 text, no port, no zone.
    pub ip: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Lower case, colons.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub autonomous_system: Option<AutonomousSystem>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub city: Option<String>,
    /// Two-letter continent code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub continent: Option<String>,
    /// Degrees: latitude, longitude.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<(f64, f64)>,
    #[serde(default)]
    pub is_local: bool,
    #[serde(default)]
    pub is_attacker: bool,
    #[serde(default)]
    pub is_victim: bool,
    #[serde(default)]
    pub is_blacklisted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutonomousSystem {
    pub number: u32,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    pub bytes: u64,
    pub packets: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    pub client: Party,
    pub server: Party,
    /// L4 protocol in lower case: `tcp`, `udp`, `icmp`.
    pub transport: String,
    /// IANA protocol number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub transport_number: Option<u8>,
    /// L7 protocol in lower case, outermost first: `tls.youtube`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vlan: Option<u16>,
    /// Community ID v1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub community_id: Option<String>,
    /// Client to server.
    #[serde(default)]
    pub sent: Traffic,
    /// Server to client.
    #[serde(default)]
    pub received: Traffic,
    #[serde(default)]
    pub blocked: bool,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An alert like any other, for the tests of all steps.
    pub(crate) fn alert() -> Alert {
        Alert {
            id: unset::id(),
            tenant: TenantId::DEFAULT,
            fingerprint: unset::fingerprint(),
            episode: unset::id(),
            producer: "ntopng".to_owned(),
            time_ms: 1_795_488_660_000,
            received_ms: 1_795_488_660_500,
            ended_ms: None,
            severity: Severity::Error,
            score: 100,
            action: Action::Store,
            category: "security".to_owned(),
            alert_type: "low_goodput".to_owned(),
            title: "Low Goodput".to_owned(),
            text: "192.0.2.29:60952 -> 198.51.100.35:80".to_owned(),
            entity_kind: "flow".to_owned(),
            entity_value: "flow".to_owned(),
            interface_name: None,
            flow: None,
            host: None,
            link: None,
            labels: Vec::new(),
            annotations: Vec::new(),
            raw: "{}".to_owned(),
            may_ban: false,
        }
    }

    #[test]
    fn severity_follows_the_bands_of_the_score() {
        let table = [
            (0, Severity::None),
            (1, Severity::Info),
            (9, Severity::Info),
            (10, Severity::Notice),
            (49, Severity::Notice),
            (50, Severity::Warning),
            (99, Severity::Warning),
            (100, Severity::Error),
            (199, Severity::Error),
            (200, Severity::Critical),
            (249, Severity::Critical),
            (250, Severity::Emergency),
            (u32::MAX, Severity::Emergency),
        ];
        for (score, expected) in table {
            assert_eq!(Severity::of_score(score), expected, "score {score}");
        }
    }

    #[test]
    fn a_severity_reads_back_its_name_and_refuses_others_with_the_list() {
        for one in Severity::ALL {
            assert_eq!(one.name().parse(), Ok(one));
        }
        assert!("severe".parse::<Severity>().unwrap_err().contains("notice, warning"));
    }
}
