//! Elasticsearch: stores alerts as documents of the Elastic Common Schema, in OpenSearch as well.
//!
//! Sources for every rule in this folder:
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>,
//! <https://www.elastic.co/docs/manage-data/data-store/data-streams>,
//! <https://docs.opensearch.org/latest/api-reference/document-apis/bulk/>.

mod answer;
mod credentials;
mod message;
mod probe;
mod settings;
mod target;

use campanile_guest::{
    Attempt, Context, Descriptor, Failure, Fault, Finding, Formatted, Kind, Message, Outcome,
    Scope, Subject, http,
};

campanile_guest::export!(Elasticsearch);
struct Elasticsearch;

impl Kind for Elasticsearch {
    fn describe() -> Descriptor {
        settings::descriptor()
    }

    fn format(subjects: Vec<Subject>, context: Context) -> Result<Formatted, Fault> {
        let settings = settings::read(&context.settings)?;
        Ok(message::pack(&subjects, &context, &settings))
    }

    fn deliver(message: Message, settings: String, attempt: Attempt) -> Outcome {
        let sent = || {
            let settings = settings::read(&settings)?;
            let authorization = credentials::authorization(&settings)?;
            let count = message.alerts.len();
            let request = message::request(message, &settings, authorization)?;
            Ok(answer::judge(http::send(&request), count, &attempt))
        };
        sent().unwrap_or_else(|fault: Fault| fault.into())
    }

    fn probe(settings: String, scope: Scope) -> Result<Finding, Failure> {
        let read = || {
            let settings = settings::read(&settings)?;
            let authorization = credentials::authorization(&settings)?;
            Ok((settings.url()?.to_owned(), settings, authorization))
        };
        let (url, settings, authorization) = read().map_err(Failure::Misconfigured)?;
        probe::look(&settings, scope, |asked| http::send(&asked.request(&url, &authorization)))
    }
}
