//! What administrators write, and what services answer.

use campanile::capability::files::Place;
use campanile::config::Config;
use campanile::runtime::Manifest;
use campanile::setup::{Setup, setup};
use campanile_guest::{cut, json, mrkdwn, retry_after};
use serde_json::Value;

use crate::ITERATIONS;

#[test]
fn endpoints_and_recipients_read_back_as_they_were_written() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(2048).for_each(|text: &[u8]| {
        let Ok(value) = serde_json::from_slice::<Value>(text) else { return };
        let mut problems = Vec::new();
        let read: Setup = setup(value, &mut problems);
        if problems.is_empty() {
            let written = serde_json::to_value(&read).expect("what was read is JSON");
            assert_eq!(setup(written, &mut problems), read);
            assert!(problems.is_empty(), "{problems:?}");
        }
    });
}

#[test]
fn a_configuration() {
    let path = std::path::Path::new("/nowhere/campanile.toml");
    bolero::check!().with_iterations(ITERATIONS).with_max_len(1024).for_each(|text: &[u8]| {
        if let Ok(text) = str::from_utf8(text) {
            let _ = Config::parse(path, text);
        }
    });
}

#[test]
fn a_manifest_that_is_taken_binds_secrets_to_what_it_asks_for() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(1024).for_each(|text: &[u8]| {
        let Ok(text) = str::from_utf8(text) else { return };
        match Manifest::parse(text) {
            Ok(manifest) => {
                let bound = manifest.secret.iter().flat_map(|one| &one.bound_to);
                let mut bound = bound.chain(manifest.oauth2.iter().flat_map(|one| &one.bound_to));
                assert!(bound.all(|one| manifest.reach().any(|asked| asked == one)));
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    });
}

#[test]
fn a_place_that_is_taken_stays_beneath_its_tenant() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(300).for_each(|text: &[u8]| {
        let Ok(text) = str::from_utf8(text) else { return };
        if let Ok(place) = Place::parse("acme", text) {
            let place = place.to_string();
            assert_eq!(place, format!("acme/{text}"));
            let mut parts = std::path::Path::new(&place).components();
            assert!(parts.all(|part| matches!(part, std::path::Component::Normal(_))), "{place}");
        }
    });
}

#[test]
fn how_long_a_service_wants_to_be_left_alone() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(64).for_each(|value: &[u8]| {
        let value = String::from_utf8_lossy(value);
        let wait = retry_after::wait_ms(&value, 1_795_488_660_123);
        assert!(wait.is_none_or(|wait| wait <= retry_after::WAIT_MS_MAX));
    });
}

#[test]
fn escaped_text_is_within_its_bounds() {
    bolero::check!().with_iterations(ITERATIONS).with_max_len(512).for_each(|text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        for max in [0, 1, 7, 100] {
            assert!(cut::bytes(&text, max).len() <= max);
            let escaped = mrkdwn::escaped(&text, max);
            assert!(escaped.encode_utf16().count() <= max, "{escaped:?}");
            assert!(!escaped.contains(['<', '>']), "{escaped:?}");
        }
        let quoted = json::string(&text);
        assert_eq!(serde_json::from_str::<String>(&quoted).ok(), Some(text.into_owned()));
    });
}
