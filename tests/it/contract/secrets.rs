//! The secrets of a case's settings, as the engine would hold them.

use std::sync::Arc;

use campanile::capability::secrets::{Credential, Credentials, Template};
use campanile::ids::Secret;
use campanile::runtime::Manifest;
use serde_json::{Map, Value, json};

/// The credentials among `settings`, bound to `bound_to`, and the settings with gaps for them. What
/// is no text stays, for the component to refuse.
pub(super) fn taken(
    manifest: &Manifest,
    settings: &Map<String, Value>,
    bound_to: &[String],
) -> Result<(Arc<Credentials>, Template), String> {
    let mut settings = settings.clone();
    let mut found = Vec::new();
    for asked in &manifest.secret {
        let (name, is_object) = match asked.setting.strip_suffix(".*") {
            Some(name) => (name, true),
            None => (asked.setting.as_str(), false),
        };
        let mut take = |setting: String, value: &mut Value| {
            let Some(text) = value.as_str().map(str::to_owned) else { return };
            *value = json!({ "secret": "stored" });
            found.push(Credential {
                setting,
                value: Secret::new(text),
                form: asked.form,
                places: asked.places.clone(),
                signs_into: asked.signs_into.clone(),
                decode: asked.decode,
                bound_to: bound_to.to_vec(),
            });
        };
        match settings.get_mut(name) {
            Some(Value::Object(inner)) if is_object => {
                inner.iter_mut().for_each(|(key, value)| take(format!("{name}.{key}"), value));
            }
            Some(value) => take(name.to_owned(), value),
            None => {}
        }
    }
    let credentials = Credentials::new(found).map_err(|error| error.to_string())?;
    let template = Template::new(&settings, &credentials);
    Ok((Arc::new(credentials), template))
}
