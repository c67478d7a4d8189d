//! What an operator sets for Elasticsearch.
//!
//! Promise: every fault names the setting and what was expected, and never quotes a value, which
//! may be a credential in the wrong place.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope};

use crate::target::{self, DatePattern, Target};

/// The effective settings: the endpoint's, and over them the recipient's.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Without a slash at its end.
    url: Option<String>,
    pub(crate) product: Product,
    pub(crate) auth: Auth,
    pub(crate) username: Option<String>,
    pub(crate) has_password: bool,
    /// A placeholder, like the token; neither is there for `format`.
    pub(crate) api_key: Option<String>,
    pub(crate) bearer_token: Option<String>,
    pub(crate) is_compressed: bool,
    pub(crate) target: Target,
    pub(crate) pipeline: Option<String>,
    pub(crate) refresh: Option<&'static str>,
    pub(crate) docs_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) has_original: bool,
    pub(crate) organization: Option<String>,
}

/// Whose API it is, as far as it differs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// 8.13 or newer.
    Elasticsearch,
    /// 7.0 to 8.12.
    ElasticsearchBefore813,
    OpenSearch,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Auth {
    None,
    Basic,
    ApiKey,
    Bearer,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

/// The most documents in one request, and so the most alerts that one `format` takes.
const DOCS_MAX: u32 = 500;

/// Half of what the engine passes at once by default (`limits.hostcall_bytes_max`).
const BYTES_DEFAULT: u32 = 2 << 20;
const BYTES_MAX: u32 = 5 << 20;
const BYTES_MIN: u32 = 64 << 10;

const STREAM_DEFAULT: &str = "logs-ntopng.alerts-default";
/// As ntopng has it.
const PREFIX_DEFAULT: &str = "alerts-ntopng";

const NAME_EXPECTED: &str = "in lower case, without blanks and any of `\\ / * ? \" < > | , # :`, \
                             not beginning with `-`, `_` or `+`";

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "elasticsearch".into(),
        title: "Elasticsearch".into(),
        summary:
            "Stores alerts in Elasticsearch or OpenSearch, as documents of the Elastic Common \
                  Schema"
                .into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec!["{url}".into()],
        batch_max: DOCS_MAX,
        concurrency: 2,
        deliver_ms: 35_000,
        paces: vec![],
        extra: vec![],
    }
}

impl Settings {
    /// Where the API begins.
    pub(crate) fn url(&self) -> Result<&str, Fault> {
        self.url.as_deref().ok_or_else(|| {
            let what_to_do = "set where Elasticsearch is: https://es.example:9200";
            settings::missing(Scope::Endpoint, "url", what_to_do)
        })
    }

    /// A mistyped name is to be refused, not made an index.
    pub(crate) fn requires_data_stream(&self) -> bool {
        self.target.is_data_stream() && self.product == Product::Elasticsearch
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let of = Scope::Endpoint;
    let mut given = Given::read(text)?;
    let url = given.url("url", of, &["https", "http"])?;
    if url.as_ref().is_some_and(|url| url.contains('?')) {
        let expected = "expected a URL without a query: https://es.example:9200";
        return Err(settings::wrong(of, "url", expected));
    }
    let products = [
        ("elasticsearch", Product::Elasticsearch),
        ("elasticsearch_before_8_13", Product::ElasticsearchBefore813),
        ("opensearch", Product::OpenSearch),
    ];
    let product = given.choice("product", of, &products)?.unwrap_or(Product::Elasticsearch);
    let ways = [
        ("none", Auth::None),
        ("basic", Auth::Basic),
        ("api_key", Auth::ApiKey),
        ("bearer", Auth::Bearer),
    ];
    let auth = given.choice("auth", of, &ways)?;
    let expected = "a user name of 1 to 255 characters without a colon";
    let username = given.text_that("username", of, expected, |name| {
        (1..=255).contains(&name.chars().count())
            && !name.contains(|one: char| one == ':' || one.is_control())
    })?;
    let expected = "a text that is not empty";
    let password = given.text_that("password", of, expected, |text| !text.is_empty())?;
    let api_key = given.text_that("api_key", of, expected, |text| !text.is_empty())?;
    let bearer_token = given.text_that("bearer_token", of, expected, |text| !text.is_empty())?;
    let is_compressed = given.flag("compress", of)?.unwrap_or(true);

    let of = Scope::Recipient;
    let target = read_target(&mut given)?;
    let pipeline = given.text("pipeline", of, 1..=255)?;
    let refresh = [("false", None), ("true", Some("true")), ("wait_for", Some("wait_for"))];
    let refresh = given.choice("refresh", of, &refresh)?.flatten();
    let docs_max = given.number("max_batch_docs", of, 1..=DOCS_MAX)?.unwrap_or(DOCS_MAX);
    let bytes_max = given.number("max_batch_bytes", of, BYTES_MIN..=BYTES_MAX)?;
    let has_original = given.flag("original", of)?.unwrap_or(true);
    let organization = given.text("organization", of, 1..=255)?;
    given.finish()?;

    let ways = [
        (username.is_some(), "username", Auth::Basic),
        (api_key.is_some(), "api_key", Auth::ApiKey),
        (bearer_token.is_some(), "bearer_token", Auth::Bearer),
    ];
    let mut ways = ways.into_iter().filter(|(is_given, ..)| *is_given);
    let auth = match (auth, ways.next(), ways.next()) {
        (Some(auth), ..) => auth,
        (None, None, _) => Auth::None,
        (None, Some((_, _, auth)), None) => auth,
        (None, Some((_, one, _)), Some((_, other, _))) => {
            let expected = format!("is missing, while `{one}` and `{other}` are set; say which");
            return Err(settings::wrong(Scope::Endpoint, "auth", &expected));
        }
    };
    Ok(Settings {
        url: url.map(|url| url.trim_end_matches('/').to_owned()),
        product,
        auth,
        username,
        has_password: password.is_some(),
        api_key,
        bearer_token,
        is_compressed,
        target,
        pipeline,
        refresh,
        docs_max: docs_max as usize,
        bytes_max: bytes_max.unwrap_or(BYTES_DEFAULT) as usize,
        has_original,
        organization,
    })
}

fn read_target(given: &mut Given) -> Result<Target, Fault> {
    #[derive(Clone, Copy)]
    enum Sort {
        DataStream,
        Daily,
        Named,
    }
    let of = Scope::Recipient;
    let sorts = [
        ("data_stream", Sort::DataStream),
        ("daily_index", Sort::Daily),
        ("index_or_alias", Sort::Named),
    ];
    let sort = given.choice("target_kind", of, &sorts)?.unwrap_or(Sort::DataStream);
    let mut name = |name, sort, bytes_max| {
        let expected = format!("a name of {sort} of 1 to {bytes_max} bytes, {NAME_EXPECTED}");
        given.text_that(name, of, &expected, |text| target::is_name(text, bytes_max))
    };
    let stream = name("data_stream", "a data stream", target::NAME_BYTES_MAX)?;
    let prefix_bytes_max = target::NAME_BYTES_MAX - target::DAY_BYTES;
    let prefix = name("index_prefix", "the beginning of an index", prefix_bytes_max)?;
    let index = name("index", "an index or alias", target::NAME_BYTES_MAX)?;
    let patterns = [("dots", DatePattern::Dots), ("dashes", DatePattern::Dashes)];
    let pattern = given.choice("date_pattern", of, &patterns)?.unwrap_or(DatePattern::Dots);
    match sort {
        Sort::DataStream => Ok(Target::DataStream(stream.unwrap_or_else(|| STREAM_DEFAULT.into()))),
        Sort::Daily => {
            Ok(Target::Daily { prefix: prefix.unwrap_or_else(|| PREFIX_DEFAULT.into()), pattern })
        }
        Sort::Named => index
            .map(Target::Named)
            .ok_or_else(|| settings::missing(of, "index", "`target_kind` is `index_or_alias`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_left_out_have_their_defaults() {
        let settings = read("{}").expect("good");
        assert!(settings.url().is_err());
        assert_eq!((settings.product, settings.auth), (Product::Elasticsearch, Auth::None));
        assert_eq!(settings.target, Target::DataStream("logs-ntopng.alerts-default".into()));
        assert!(settings.requires_data_stream() && settings.is_compressed && settings.has_original);
        assert_eq!((settings.docs_max, settings.bytes_max), (500, 2 << 20));
        assert_eq!((settings.refresh, settings.pipeline), (None, None));
    }

    #[test]
    fn settings_given_are_taken() {
        let text = r#"{"url":"https://h/es/","product":"opensearch","auth":"basic",
            "username":"ntop","password":"p","compress":false,"target_kind":"daily_index",
            "index_prefix":"a","date_pattern":"dashes","pipeline":"geo","refresh":"wait_for",
            "max_batch_docs":1,"max_batch_bytes":5242880,"original":false,"organization":"O"}"#;
        let settings = read(text).expect("good");
        assert_eq!(settings.url(), Ok("https://h/es"));
        assert_eq!((settings.product, settings.auth), (Product::OpenSearch, Auth::Basic));
        let (prefix, pattern) = ("a".into(), DatePattern::Dashes);
        assert_eq!(settings.target, Target::Daily { prefix, pattern });
        assert!(settings.has_password && !settings.is_compressed && !settings.has_original);
        assert_eq!((settings.docs_max, settings.bytes_max), (1, 5 << 20));
        assert_eq!(
            (settings.refresh, settings.pipeline.as_deref()),
            (Some("wait_for"), Some("geo"))
        );
        assert_eq!(settings.organization.as_deref(), Some("O"));

        let text = r#"{"target_kind":"index_or_alias","index":"a","data_stream":"b"}"#;
        assert_eq!(read(text).expect("good").target, Target::Named("a".into()));
    }

    #[test]
    fn who_asks_follows_from_the_credential_unless_it_is_said() {
        let table = [
            ("{}", Some(Auth::None)),
            (r#"{"username":"a","password":"b"}"#, Some(Auth::Basic)),
            (r#"{"api_key":"a"}"#, Some(Auth::ApiKey)),
            (r#"{"bearer_token":"a"}"#, Some(Auth::Bearer)),
            (r#"{"api_key":"a","username":"b"}"#, None),
            (r#"{"api_key":"a","username":"b","auth":"api_key"}"#, Some(Auth::ApiKey)),
            (r#"{"api_key":"a","auth":"none"}"#, Some(Auth::None)),
        ];
        for (text, expected) in table {
            assert_eq!(read(text).ok().map(|settings| settings.auth), expected, "{text}");
        }
    }

    #[test]
    fn only_the_product_that_knows_it_is_asked_to_require_a_data_stream() {
        let table = [
            (r#"{}"#, true),
            (r#"{"product":"elasticsearch_before_8_13"}"#, false),
            (r#"{"product":"opensearch"}"#, false),
            (r#"{"target_kind":"daily_index"}"#, false),
            (r#"{"target_kind":"index_or_alias","index":"a"}"#, false),
        ];
        for (text, expected) in table {
            assert_eq!(read(text).expect("good").requires_data_stream(), expected, "{text}");
        }
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let endpoint = [
            ("[]", "expected a JSON object"),
            (r#"{"url":"ftp://hunter2"}"#, "setting `url`: expected a URL that begins with https"),
            (r#"{"url":"https://a:hunter2@h"}"#, "setting `url`: expected a URL"),
            (r#"{"url":"https://h/?hunter2"}"#, "setting `url`: expected a URL without a query"),
            (r#"{"product":"hunter2"}"#, "setting `product`: expected one of `elasticsearch`"),
            (r#"{"auth":"hunter2"}"#, "setting `auth`: expected one of `none`, `basic`, `api_key`"),
            (r#"{"username":"a:hunter2"}"#, "setting `username`: expected a user name"),
            (r#"{"password":7}"#, "setting `password`: expected a text"),
            (r#"{"api_key":""}"#, "setting `api_key`: expected a text"),
            (r#"{"compress":"hunter2"}"#, "setting `compress`: expected true or false"),
            (r#"{"hunter":2}"#, "no setting `hunter`; there are url, product"),
            (r#"{"username":"hunter2","api_key":"x"}"#, "`username` and `api_key` are set"),
        ];
        let long = format!(r#"{{"index_prefix":"{}"}}"#, "x".repeat(245));
        let recipient = [
            (r#"{"target_kind":"hunter2"}"#, "setting `target_kind`: expected one of"),
            (r#"{"target_kind":"index_or_alias"}"#, "setting `index`: is missing"),
            (r#"{"data_stream":"Hunter2"}"#, "setting `data_stream`: expected a name of a data st"),
            (r#"{"index_prefix":"_hunter2"}"#, "setting `index_prefix`: expected a name of the be"),
            (&long, "of 1 to 244 bytes"),
            (r#"{"index":"hunter2,b"}"#, "setting `index`: expected a name of an index or alias"),
            (r#"{"date_pattern":"hunter2"}"#, "expected one of `dots`, `dashes`"),
            (r#"{"pipeline":"hunter2\n"}"#, "setting `pipeline`: expected a text of 1 to 255"),
            (r#"{"refresh":true}"#, "setting `refresh`: expected one of `false`, `true`"),
            (r#"{"max_batch_docs":501}"#, "expected a whole number, 1 to 500"),
            (r#"{"max_batch_bytes":65535}"#, "expected a whole number, 65536 to 5242880"),
            (r#"{"original":"hunter2"}"#, "setting `original`: expected true or false"),
            (r#"{"organization":""}"#, "setting `organization`: expected a text"),
        ];
        for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])]
        {
            for (text, expected) in table {
                let fault = read(text).expect_err(text);
                assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
                assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
                assert!(!fault.detail.to_lowercase().contains("hunter2"), "{text}");
            }
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
