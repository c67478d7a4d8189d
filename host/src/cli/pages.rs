//! Lists of the engine, page after page.

use serde_json::{Value, json};

use super::client::{Client, with_query};
use super::{Exit, Failure};

/// The most that one page may hold.
const PAGE_MAX: usize = 1000;

/// A list of the engine: where it is, and what its pages call things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pages {
    pub(super) path: &'static str,
    /// The field that holds the entries.
    pub(super) key: &'static str,
    /// The parameter that takes the `next` of the page before.
    pub(super) cursor: &'static str,
}

impl Pages {
    /// Up to `limit` entries that fit the parameters, as one page. A page may be short and still
    /// have a next one, so pages are asked for until there are enough.
    pub(super) async fn collect(
        self,
        client: &Client,
        parameters: &[(&str, Option<String>)],
        limit: usize,
    ) -> Result<Value, Failure> {
        let mut entries = Vec::new();
        let mut next = Value::Null;
        loop {
            let wanted = (limit - entries.len()).min(PAGE_MAX);
            let mut query = vec![("limit", Some(wanted.to_string()))];
            query.extend(parameters.iter().cloned());
            query.push((self.cursor, next.as_str().map(str::to_owned)));
            let mut page = client.get(&with_query(self.path, &query)).await?.good()?;
            if let Some(list) = page[self.key].as_array_mut() {
                entries.append(list);
            }
            let after = page["next"].take();
            if after == next && !after.is_null() {
                let text = format!("the pages of {} do not end; try another version", self.path);
                return Err(Failure::says(Exit::Failed, text));
            }
            next = after;
            if next.is_null() || entries.len() >= limit {
                return Ok(json!({ self.key: entries, "next": next }));
            }
        }
    }
}
