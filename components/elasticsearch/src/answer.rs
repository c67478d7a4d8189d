//! Reads the answer to a bulk request: a verdict for each document, since 200 proves nothing.
//!
//! Everything here may be sent again: the server knows each document by its id.

use campanile_guest::{
    Attempt, Ending, HttpError, Outcome, Proof, Response, Scope, Verdict, cut, plain,
};
use serde::Deserialize;

/// The wait after a disk was found full: people or housekeeping have to make room, in milliseconds.
const FULL_DISK_WAIT_MS: u32 = 300_000;

/// The most of a server's reason that goes into a detail, in bytes.
const REASON_BYTES_MAX: usize = 512;

/// What the answer to a message of `count` documents means.
pub(crate) fn judge(
    answer: Result<Response, HttpError>,
    count: usize,
    attempt: &Attempt,
) -> Outcome {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return error.into(),
    };
    if !(200..300).contains(&answer.status) {
        return refused(&answer, answer.retry_after_ms(attempt.now.unix_ms));
    }
    match answer.ending {
        Ending::Complete => {}
        // In halves it fits. One alone is asked for again.
        Ending::Capped if count > 1 => {
            return Outcome::too_large(
                "the answer is larger than `limits.response_bytes_max`, so the documents go in \
                 smaller messages",
            );
        }
        Ending::Capped | Ending::Cut => {
            return Outcome::uncertain("the answer did not come whole").coded("answer");
        }
    }
    match serde_json::from_slice::<Bulk>(&answer.body) {
        Ok(bulk) if bulk.items.len() == count => {
            let verdicts = bulk.items.into_iter().flat_map(|item| judge_item(&item.create));
            Outcome::each(verdicts.collect())
        }
        Ok(bulk) => Outcome::uncertain(format!(
            "answered {} with {} results for {count} documents",
            answer.status,
            bulk.items.len()
        ))
        .coded("answer"),
        Err(_) => Outcome::uncertain(format!(
            "{}; expected the results of a bulk request: is `url` that of Elasticsearch?",
            answer.excerpt()
        ))
        .coded("answer"),
    }
}

#[derive(Deserialize)]
struct Bulk {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Told,
}

#[derive(Deserialize)]
struct Told {
    status: u16,
    #[serde(default, rename = "_index")]
    index: String,
    #[serde(default, rename = "_id")]
    id: String,
    failure_store: Option<String>,
    error: Option<Trouble>,
}

#[derive(Deserialize, Default)]
struct Trouble {
    #[serde(default, rename = "type")]
    name: String,
    reason: Option<String>,
}

impl Trouble {
    fn reason(&self) -> String {
        let reason = plain::line(self.reason.as_deref().unwrap_or_default());
        cut::bytes(&reason, REASON_BYTES_MAX).to_owned()
    }
}

/// One verdict, for one document.
fn judge_item(told: &Told) -> Vec<Verdict> {
    let none = Trouble::default();
    let trouble = told.error.as_ref().unwrap_or(&none);
    let (name, reason) = (trouble.name.as_str(), trouble.reason());
    let blank = if name.is_empty() || reason.is_empty() { "" } else { ": " };
    let said = format!("answered {} for this document: {name}{blank}{reason}", told.status);
    let code = if name.is_empty() { told.status.to_string() } else { name.to_owned() };
    let of = Scope::Recipient;
    let outcome = match (told.status, name) {
        (200..300, _) if told.failure_store.as_deref() == Some("used") => {
            Outcome::delivered(Proof::Confirmed).warned(
                "the index refused the document, which is kept in the failure store of the data \
                 stream; correct the mapping or the pipeline",
            )
        }
        (200..300, _) => Outcome::delivered(Proof::Confirmed),
        (409, "version_conflict_engine_exception") => Outcome::duplicate(),
        // Not that of the document: somebody changed something there at this moment.
        (409, _) => Outcome::unavailable(said),
        (400, _) if is_wrong_target(name, &reason) => Outcome::misconfigured(of, said),
        // `index_not_found_exception`: it is not there, and may not be made.
        // `resource_not_found_exception`: it is no data stream.
        (404, _) => Outcome::misconfigured(of, said),
        (403 | 429, "cluster_block_exception") if is_full_disk(&reason) => {
            Outcome::unavailable(said).after(Some(FULL_DISK_WAIT_MS))
        }
        (401 | 403, _) => Outcome::misconfigured(of, said),
        // No wait is promised; only these documents are concerned.
        (429, _) => Outcome::rate_limited(None, of),
        // `document_parsing_exception`, `mapper_parsing_exception`, `illegal_argument_exception`,
        // `strict_dynamic_mapping_exception`, and what is new.
        (400..500, _) => Outcome::rejected(said),
        (500.., _) => Outcome::unavailable(said),
        (..200 | 300..400, _) => Outcome::uncertain(said),
    };
    let mut verdicts = outcome.coded(&code).verdicts;
    for verdict in &mut verdicts {
        if let Verdict::Delivered(receipt) = verdict {
            // What `GET /{index}/_doc/{id}` asks for.
            receipt.remote_id = Some(format!("{}/{}", told.index, told.id));
        }
    }
    verdicts
}

/// The recipient's settings lead nowhere, whatever the document is. A reason may quote the document,
/// so only what it begins or ends with is the server's own.
fn is_wrong_target(name: &str, reason: &str) -> bool {
    match name {
        "index_closed_exception" | "invalid_index_name_exception" => true,
        "illegal_argument_exception" => {
            (reason.starts_with("pipeline with id") && reason.ends_with("does not exist"))
                || reason.starts_with("no write index is defined for alias")
        }
        _ => false,
    }
}

/// The server makes an index read-only when its disk is full, and lets go by itself.
fn is_full_disk(reason: &str) -> bool {
    reason.contains("read-only") || reason.contains("flood-stage")
}

/// What an answer that is no success means, to any request.
pub(crate) fn refused(answer: &Response, wait_ms: Option<u32>) -> Outcome {
    let of = Scope::Endpoint;
    let said = told(answer);
    let outcome = match answer.status {
        300..400 => Outcome::misconfigured(
            of,
            format!("{said}; redirects are not followed: set `url` to where it is now"),
        ),
        400 if said.contains("unrecognized parameter") => Outcome::misconfigured(
            of,
            format!("{said}; the server is of another kind or older: set `product` to what it is"),
        ),
        401 | 407 => Outcome::misconfigured(of, said),
        403 | 429 if said.contains("cluster_block_exception") && is_full_disk(&said) => {
            Outcome::unavailable(said).after(wait_ms.or(Some(FULL_DISK_WAIT_MS)))
        }
        403 => Outcome::misconfigured(
            of,
            format!("{said}; the credentials need `create_doc` and `auto_configure`"),
        ),
        404 | 405 | 406 | 410 | 415 => {
            Outcome::misconfigured(of, format!("{said}; is `url` that of Elasticsearch?"))
        }
        408 | 425 => Outcome::unavailable(said).after(wait_ms),
        413 => Outcome::too_large(said),
        429 => Outcome::rate_limited(wait_ms, of),
        400..500 => Outcome::rejected(said),
        // The server as a whole is in trouble: spare it.
        502..=504 => Outcome::unavailable(said).after(wait_ms).concerning(of),
        500.. => Outcome::unavailable(said).after(wait_ms),
        // An upgrade that nobody asked for; a success is not for here.
        ..300 => Outcome::misconfigured(of, said),
    };
    outcome.coded(&answer.status)
}

/// For people: the status, the server's word and its reason; or the beginning of the body.
fn told(answer: &Response) -> String {
    #[derive(Deserialize)]
    struct Refused {
        error: Trouble,
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Refused { error }) if !error.name.is_empty() => {
            format!("answered {}: {}: {}", answer.status, error.name, error.reason())
        }
        _ => answer.excerpt(),
    }
}

#[cfg(test)]
mod tests;
