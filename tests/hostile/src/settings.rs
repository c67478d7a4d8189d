//! Which attack, and where.

use campanile_guest::{Descriptor, Fault, Scope};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where messages are POSTed to.
    pub(crate) url: String,
    #[serde(default)]
    attack: Option<Attack>,
    #[serde(default, rename = "where")]
    place: Place,
    /// Attack only where an alert has the title `bad`.
    #[serde(default)]
    pub(crate) only_bad: bool,
    /// For attacks that go somewhere: a URL, or `tcp://host:port`.
    #[serde(default)]
    pub(crate) target: String,
}

impl Settings {
    pub(crate) fn attack_in(&self, place: Place) -> Option<Attack> {
        self.attack.filter(|_| self.place == place)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    Format,
    #[default]
    Deliver,
    Probe,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Attack {
    // Time.
    /// Computes for ever.
    Loop,
    /// Calls the engine for ever.
    LoopWithLog,
    /// POSTs to `url` for ever.
    LoopWithHttp,
    /// Waits for an hour.
    Sleep,

    // Space.
    /// Grows its memory until that is refused, then traps.
    Allocate,
    /// Calls itself until the engine's stack ends.
    Recurse,
    /// Calls itself until its own stack, in its memory, ends.
    RecurseInMemory,
    /// Returns a list whose strings share one buffer: 1 GiB once it is copied.
    #[serde(rename = "return-1gib")]
    Return1Gib,
    /// Returns 300,000 pairs of empty strings.
    ManyStrings,
    /// Returns a string that is not UTF-8.
    NotUtf8,
    /// Holds 10,000 pollables.
    #[serde(rename = "open-10000-handles")]
    Open10000Handles,
    /// Logs lines of 1 MiB, 1 GiB in all.
    LogBytes,
    /// Logs a million lines.
    LogLines,
    /// Writes 1 GiB to standard output.
    StdoutFlood,
    /// Writes 1 GiB to standard error.
    StderrFlood,

    // Ends.
    Trap,
    Panic,
    Exit,

    // Lies.
    /// `format`: leaves the last alert out.
    PositionsMissing,
    /// `format`: tells the first alert twice.
    PositionsDouble,
    /// `format`: tells an alert that there is not.
    PositionsBeyond,
    /// `deliver`: one verdict more than there are alerts, and none for the message.
    LieVerdicts,
    /// `deliver`: says delivered, and sent nothing.
    LieDelivered,
    /// `deliver`: a carry of 1 MiB.
    HugeCarry,
    /// A detail (`deliver`) or a summary (`format`, `probe`) of 1 MiB.
    HugeDetail,

    // Reach.
    /// Sends to `target`, which was not granted.
    OtherOrigin,
    /// Sends requests to `url` that say two things at once.
    Smuggle,
    SecretsCall,
    /// Dials `target`, and sends a datagram there.
    NetCall,
    /// Reports the clocks, random numbers and the environment.
    ClockAndRandom,
    /// Logs control characters and terminal escapes.
    LogControls,

    // Traces.
    /// `deliver`: leaves a pattern all over its memory.
    CanaryWrite,
    /// `deliver`: looks for that pattern in all memory that it is given.
    CanaryRead,
    /// `deliver`: the first where the alert has the title `write`, else the second.
    Canary,
}

pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    serde_json::from_str(text)
        .map_err(|error| Fault::new(Scope::Endpoint, "settings", error.to_string()))
}

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "hostile".into(),
        title: "Hostile".into(),
        summary: "Attacks the engine, as its settings say".into(),
        endpoint_schema: r#"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["url"],
            "additionalProperties": false,
            "properties": {
                "url": { "type": "string" },
                "attack": { "type": "string" },
                "where": { "enum": ["format", "deliver", "probe"], "default": "deliver" },
                "only_bad": { "type": "boolean", "default": false },
                "target": { "type": "string", "default": "" }
            }
        }"#
        .into(),
        recipient_schema: r#"{ "type": "object", "additionalProperties": false }"#.into(),
        reach: vec!["{url}".into()],
        batch_max: 100,
        concurrency: 16,
        deliver_ms: 30_000,
        paces: vec![],
        extra: vec![],
    }
}
