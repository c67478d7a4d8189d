//! Settings of endpoints and recipients of `fail2ban`. Where Fail2Ban is belongs to the policy.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::protocol::{JailName, Mode};
use crate::runtime::bindings::kind::{Descriptor, Fault, Scope};

/// Endpoint and recipient laid over one another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub(super) dry_run: bool,
    pub(super) jail: String,
    pub(super) mode: Mode,
    pub(super) unban_on_release: bool,
}

impl Settings {
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let wrong = |scope, detail: &str| Fault {
            scope,
            code: "bad-settings".to_owned(),
            detail: detail.to_owned(),
        };
        let settings: Self = serde_json::from_str(text)
            .map_err(|_| wrong(Scope::Endpoint, "the settings are not what the schema says"))?;
        if JailName::parse(&settings.jail).is_none() {
            return Err(wrong(Scope::Recipient, "`jail`: expected the name of a jail"));
        }
        Ok(settings)
    }
}

/// The jail that is tried out, if there is one: an endpoint alone has none.
pub(super) fn jail_of(settings: &str) -> Option<String> {
    let settings: Value = serde_json::from_str(settings).ok()?;
    Some(settings["jail"].as_str()?.to_owned())
}

pub(super) fn descriptor() -> Descriptor {
    let endpoint = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "dry_run": {
                "type": "boolean", "default": false, "title": "Dry run",
                "description": "Everything is checked, and nobody is banned",
            },
        },
    });
    let recipient = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["jail"],
        "properties": {
            "jail": {
                "type": "string", "title": "Jail",
                "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$",
                "description": "Name of the jail, which the policy must name, too",
            },
            "mode": {
                "type": "string", "enum": ["ban", "attempt"], "default": "ban", "title": "Mode",
                "description": "`ban`: at once. `attempt`: it counts as a failure, and the jail's own \
                                rules decide",
            },
            "unban_on_release": {
                "type": "boolean", "default": false, "title": "Lift the ban on release",
                "description": "When the condition ends, a ban that was made for it is lifted. Whoever \
                                can end it can lift their own ban",
            },
        },
    });
    Descriptor {
        name: "fail2ban".to_owned(),
        title: "Fail2Ban".to_owned(),
        summary: "Bans the attacker of an alert in a jail of Fail2Ban on this machine".to_owned(),
        endpoint_schema: endpoint.to_string(),
        recipient_schema: recipient.to_string(),
        reach: Vec::new(),
        batch_max: 1,
        concurrency: 1,
        deliver_ms: 30_000,
        paces: Vec::new(),
        extra: Vec::new(),
    }
}
