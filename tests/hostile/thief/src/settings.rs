//! What the settings are, and which of them are secret.

use campanile_guest::Descriptor;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "thief".into(),
        title: "Thief".into(),
        summary: "Goes after credentials and addresses, as its settings say".into(),
        endpoint_schema: r#"{
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "required": ["url", "other", "hook", "mail", "datagrams"],
            "additionalProperties": false,
            "properties": {
                "url": { "type": "string" },
                "other": { "type": "string" },
                "hook": { "type": "string", "writeOnly": true },
                "mail": { "type": "string" },
                "datagrams": { "type": "string" },
                "token": { "type": "string", "writeOnly": true },
                "key": { "type": "string", "writeOnly": true },
                "login": { "type": "string", "writeOnly": true },
                "token_url": { "type": "string", "default": "http://127.0.0.1:1/token" },
                "client_id": { "type": "string" },
                "client_secret": { "type": "string", "writeOnly": true },
                "refresh_token": { "type": "string", "writeOnly": true },
                "scope": { "type": "string" },
                "delivers": { "type": "boolean", "default": false },
                "steps": { "type": "array", "default": [] }
            }
        }"#
        .into(),
        recipient_schema: r#"{ "type": "object", "additionalProperties": false }"#.into(),
        reach: ["{url}", "{other}", "{hook}", "{mail}", "{datagrams}"].map(String::from).into(),
        batch_max: 1,
        concurrency: 4,
        deliver_ms: 30_000,
        paces: vec![],
        extra: vec![],
    }
}
