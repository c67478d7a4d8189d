//! Settings that a service renamed, as a component tells them: a chat that got another id.
//!
//! Promise: only a recipient's own setting that its schema marks `x-campanile-correctable` is
//! changed, to a value that the schema takes; never a secret, never a setting of an endpoint, which
//! decides what is reached. It is a change like any other: checked, stored, and in the audit log.
//!
//! Not here: how often one may be made (`dispatch`).

use serde_json::{Map, Value};

use super::change::{Edit, Expect};
use super::{ChangeError, Live, Roster};
use crate::audit::Who;
use crate::dispatch::Destination;
use crate::setup::RecipientSetup;

/// Of one call.
pub const CORRECTIONS_MAX: usize = 8;
const VALUE_BYTES_MAX: usize = 1 << 10;

impl Roster {
    /// Makes what `corrections` say of the settings that `of` was built with: pointers and JSON
    /// texts. Where the settings have changed since, they say nothing of the new ones. What is not
    /// allowed is left out, and told in `Ok`.
    pub async fn correct(
        &self,
        of: &Destination,
        corrections: &[(String, String)],
    ) -> Result<Vec<String>, ChangeError> {
        let tenant = of.endpoint.tenant;
        let live = self.live();
        let Some(entry) = live.recipient(tenant, &of.name).filter(|_| is_current(&live, of)) else {
            return Ok(Vec::new());
        };
        let setup = &entry.row.setup;
        let mut settings = setup.settings.as_map().clone();
        let kinds = self.kinds();
        let of_kind = kinds.of_kind(&of.endpoint.kind.name);
        let refused = lay(corrections, &mut settings, |name| {
            of_kind.is_some_and(|it| it.schemas.is_correctable(name))
        });
        if settings != *setup.settings.as_map() {
            let setup = RecipientSetup { settings: settings.into(), ..setup.clone() };
            let expect = Expect::Revision(entry.row.stamp.revision);
            let edit = Edit::Recipient { name: of.name.clone(), setup, expect };
            let source = format!("a correction by {}", of.endpoint.kind.name);
            self.edit(tenant, vec![edit], Who::engine(source)).await?;
        }
        Ok(refused)
    }
}

/// Lays corrections over `settings`; what is refused, by its pointer.
fn lay(
    corrections: &[(String, String)],
    settings: &mut Map<String, Value>,
    is_correctable: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut refused = Vec::new();
    for (at, (pointer, text)) in corrections.iter().enumerate() {
        let name = pointer.strip_prefix('/').unwrap_or_default();
        let is_allowed = at < CORRECTIONS_MAX
            && text.len() <= VALUE_BYTES_MAX
            && settings.contains_key(name)
            && is_correctable(name);
        match serde_json::from_str(text) {
            Ok(value) if is_allowed => _ = settings.insert(name.to_owned(), value),
            _ => refused.push(crate::printable::printable(pointer, 64)),
        }
    }
    refused
}

pub(super) fn is_current(live: &Live, of: &Destination) -> bool {
    let now = live.destinations.get(&of.id);
    now.is_some_and(|now| now.settings_sha256 == of.settings_sha256)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_set_and_marked_is_corrected() {
        let before = json!({ "chat_id": -1, "silent": false });
        let table = [
            ("/chat_id", "-1001", true),
            ("/chat_id", "no json", false),
            ("chat_id", "-1001", false),
            ("/silent", "true", false),
            ("/thread", "7", false),
            ("/chat_id/0", "7", false),
            ("", "{}", false),
        ];
        for (pointer, text, is_taken) in table {
            let mut settings = before.as_object().unwrap().clone();
            let corrections = [(pointer.to_owned(), text.to_owned())];
            let is_correctable = |name: &str| name == "chat_id" || name == "thread";
            let refused = lay(&corrections, &mut settings, is_correctable);
            assert_eq!(refused.is_empty(), is_taken, "{pointer} {text}");
            assert_eq!(Value::Object(settings) != before, is_taken, "{pointer} {text}");
        }
        let long = ("/chat_id".to_owned(), format!("\"{}\"", "x".repeat(VALUE_BYTES_MAX)));
        let mut settings = before.as_object().unwrap().clone();
        assert_eq!(lay(&[long], &mut settings, |_| true), ["/chat_id"]);
        let many = vec![("/chat_id".to_owned(), "1".to_owned()); CORRECTIONS_MAX + 1];
        assert_eq!(lay(&many, &mut settings, |_| true).len(), 1);
    }
}
