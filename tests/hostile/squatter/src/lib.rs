//! Squatter: a component that goes after files, step by step as the setting `steps` says, and
//! reports what it got.

mod steps;

use campanile_guest::{
    Attempt, Certainty, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message,
    Outcome, Scope, Subject,
};

campanile_guest::export!(Squatter);
struct Squatter;

impl Kind for Squatter {
    fn describe() -> Descriptor {
        Descriptor {
            name: "squatter".into(),
            title: "Squatter".into(),
            summary: "Goes after files, as its settings say".into(),
            endpoint_schema: r#"{
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "required": ["box", "shelf"],
                "additionalProperties": false,
                "properties": {
                    "box": { "type": "string" },
                    "shelf": { "type": "string" },
                    "steps": { "type": "array", "default": [] }
                }
            }"#
            .into(),
            recipient_schema: r#"{ "type": "object", "additionalProperties": false }"#.into(),
            reach: vec![],
            batch_max: 1,
            concurrency: 1,
            deliver_ms: 30_000,
            paces: vec![],
            extra: vec![],
        }
    }

    fn format(subjects: Vec<Subject>, _context: Context) -> Result<Formatted, Fault> {
        let tell = |(at, subject): (u32, Subject)| Message {
            alerts: vec![at],
            summary: subject.alert.title,
            content_type: "text/plain".into(),
            body: vec![],
            notes: vec![],
            repeat_safe_ms: 0,
        };
        Ok((0..).zip(subjects).map(tell).collect())
    }

    fn deliver(_message: Message, settings: String, _attempt: Attempt) -> Outcome {
        Outcome::rejected(steps::take(&settings))
    }

    fn probe(settings: String, _scope: Scope) -> Result<Finding, Failure> {
        let summary = steps::take(&settings);
        Ok(Finding { certainty: Certainty::Unchecked, summary, facts: vec![] })
    }
}
