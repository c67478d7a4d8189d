//! What an operator sets for files.

use campanile_guest::settings::{self, Given};
use campanile_guest::{Descriptor, Fault, Scope};

/// The effective settings: the endpoint's, and over them the recipient's. The place of the folder
/// is not here: the engine opens it, and has a name for it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Bytes after which the next file is begun. Default 1 MiB.
    pub(crate) file_bytes_max: u32,
    /// The newest so many files stay. Default: all.
    pub(crate) keep_files: Option<usize>,
    /// What names of files begin with. Default "alerts".
    pub(crate) prefix: String,
}

const ENDPOINT_SCHEMA: &str = include_str!("endpoint.schema.json");
const RECIPIENT_SCHEMA: &str = include_str!("recipient.schema.json");

const PREFIX_BYTES_MAX: usize = 64;
const FOLDER_CHARS_MAX: usize = 1024;

pub(crate) fn descriptor() -> Descriptor {
    Descriptor {
        name: "file".into(),
        title: "File".into(),
        summary: "Appends alerts to files, one JSON object per line; a new file each day and size"
            .into(),
        endpoint_schema: ENDPOINT_SCHEMA.into(),
        recipient_schema: RECIPIENT_SCHEMA.into(),
        reach: vec![],
        batch_max: 100,
        // The lines of one recipient are in order, and two of its messages do not begin one file.
        concurrency: 1,
        deliver_ms: 30_000,
        paces: vec![],
        extra: vec![],
    }
}

/// Reads the settings, a JSON object, from the endpoint and the recipient together.
pub(crate) fn read(text: &str) -> Result<Settings, Fault> {
    let mut given = Given::read(text)?;
    let folder = given.text("folder", Scope::Endpoint, 1..=FOLDER_CHARS_MAX)?;
    let file_bytes_max = given.number("file_bytes_max", Scope::Endpoint, 65_536..=1 << 30)?;
    let keep_files = given.number("keep_files", Scope::Endpoint, 1..=10_000)?;
    let expected = "1 to 64 of letters without accents, digits, `_` and `-`";
    let prefix = given.text_that("prefix", Scope::Recipient, expected, is_prefix)?;
    given.finish()?;
    if folder.is_none() {
        let what_to_do = "set the name of a folder, such as `alerts`";
        return Err(settings::missing(Scope::Endpoint, "folder", what_to_do));
    }
    Ok(Settings {
        file_bytes_max: file_bytes_max.unwrap_or(1 << 20),
        keep_files: keep_files.map(|count| count as usize),
        prefix: prefix.unwrap_or_else(|| "alerts".into()),
    })
}

fn is_prefix(prefix: &str) -> bool {
    let is_of_name = |one: u8| one.is_ascii_alphanumeric() || one == b'_' || one == b'-';
    (1..=PREFIX_BYTES_MAX).contains(&prefix.len())
        && !prefix.starts_with('-')
        && prefix.bytes().all(is_of_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_left_out_have_their_defaults_and_those_given_are_taken() {
        let settings = read(r#"{"folder":"alerts"}"#).expect("good");
        assert_eq!((settings.file_bytes_max, settings.keep_files), (1_048_576, None));
        assert_eq!(settings.prefix, "alerts");

        let text = r#"{"folder":"a/b","file_bytes_max":65536,"keep_files":7,"prefix":"ops_1-b"}"#;
        let settings = read(text).expect("good");
        assert_eq!((settings.file_bytes_max, settings.keep_files), (65_536, Some(7)));
        assert_eq!(settings.prefix, "ops_1-b");
    }

    #[test]
    fn a_wrong_setting_is_named_with_what_was_expected_and_without_its_value() {
        let with = |more: &str| format!(r#"{{"folder":"alerts",{more}}}"#);
        let endpoint = [
            ("[]".into(), "expected a JSON object"),
            ("{}".into(), "setting `folder`: is missing"),
            (r#"{"folder":7}"#.into(), "setting `folder`: expected a text"),
            (r#"{"folder":""}"#.into(), "setting `folder`: expected a text"),
            (with(r#""file_bytes_max":65535"#), "`file_bytes_max`: expected a whole number, 65536"),
            (with(r#""file_bytes_max":1073741825"#), "`file_bytes_max`: expected a whole number"),
            (with(r#""keep_files":0"#), "`keep_files`: expected a whole number, 1 to 10000"),
            (with(r#""keep_files":10001"#), "`keep_files`: expected a whole number"),
            (with(r#""path":"hunter2""#), "no setting `path`; there are folder"),
        ];
        let long = format!(r#""prefix":"hunter2{}""#, "x".repeat(58));
        assert!(read(&with(&format!(r#""prefix":"{}""#, "x".repeat(64)))).is_ok());
        let folder = |count: usize| read(&format!(r#"{{"folder":"{}"}}"#, "x".repeat(count)));
        assert!(folder(1024).is_ok() && folder(1025).is_err());
        let recipient = [
            (with(r#""prefix":"""#), "setting `prefix`: expected 1 to 64"),
            (with(r#""prefix":"-hunter2""#), "setting `prefix`: expected"),
            (with(r#""prefix":"hunter2/x""#), "setting `prefix`: expected"),
            (with(r#""prefix":"hunter2.x""#), "setting `prefix`: expected"),
            (with(r#""prefix":"é""#), "setting `prefix`: expected"),
            (with(&long), "setting `prefix`: expected"),
        ];
        for (scope, table) in [(Scope::Endpoint, &endpoint[..]), (Scope::Recipient, &recipient[..])]
        {
            for (text, expected) in table {
                let fault = read(text).expect_err(text);
                assert_eq!((fault.scope, fault.code.as_str()), (scope, "settings"), "{text}");
                assert!(fault.detail.contains(expected), "{text}: {}", fault.detail);
                assert!(!fault.detail.contains("hunter2"), "{text}: {}", fault.detail);
            }
        }
    }

    #[test]
    fn the_schemas_name_exactly_the_settings_that_are_read() {
        settings::assert_schemas_name_what_is_read([ENDPOINT_SCHEMA, RECIPIENT_SCHEMA], read);
    }
}
