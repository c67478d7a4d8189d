//! What chats are sent, read by those who know: Telegram's own parser, the schemas of Adaptive Cards,
//! Slack's own models, and Discord's limits.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use campanile_tests::capture::{Reply, Request};
use campanile_tests::peers::judge;
use serde_json::{Value, json};
use twilight_model::channel::message::Embed;
use twilight_validate::{embed, message};

use super::{HOSTILE_TITLE, takes};

/// The bodies that a service was sent, which answers with this status and what `says` says.
async fn bodies(
    kind: &str,
    setups: impl Fn(&str) -> Vec<(Value, Value)>,
    status: u16,
    says: impl Fn(&Request) -> String + Send + Sync + 'static,
) -> Vec<Value> {
    let rule = move |request: &Request| {
        Reply::text(status, &says(request)).with("content-type", "application/json")
    };
    takes(kind, rule, setups).await.iter().map(Request::json).collect()
}

#[tokio::test]
async fn telegram_parses_every_text_and_none_of_an_alert_becomes_markup() {
    let said =
        json!({"ok": true, "result": {"message_id": 7, "chat": {"id": -1_001_234_567_890_i64}}});
    let token = format!("123456789:{}", "A".repeat(35));
    let recipient = json!({"chat_id": -1_001_234_567_890_i64});
    let setups =
        |origin: &str| vec![(json!({"bot_token": token, "api_base": origin}), recipient.clone())];
    let sent = bodies("telegram", setups, 200, move |_| said.to_string()).await;
    let texts: Vec<_> = sent.iter().map(|body| body["text"].clone()).collect();
    assert!(sent.iter().all(|body| body["parse_mode"] == "HTML"), "{sent:?}");

    let Some(read) = judge::telegram_html(&json!(texts)).await else { return };

    for (read, text) in read.as_array().unwrap().iter().zip(&texts) {
        assert_eq!(read["error"], Value::Null, "{text}");
        let seen = read["text"].as_str().unwrap();
        let units = seen.encode_utf16().count();
        assert!((1..=4096).contains(&units), "{units} units: {seen}");
        for entity in read["entities"].as_array().unwrap() {
            let link = entity["type"]["url"].as_str();
            let is_ours = link.is_none_or(|url| url.starts_with("https://watch.example/"));
            assert!(is_ours, "{entity} in {seen}");
            let name = entity["type"]["@type"].as_str().unwrap();
            assert_ne!(name, "textEntityTypeSpoiler", "{seen}");
        }
        for found in read["detected"].as_array().unwrap() {
            // A place in a video, and there is none.
            if found["type"]["@type"] == "textEntityTypeMediaTimestamp" {
                continue;
            }
            // Where a client looks for none.
            let is_quoted = read["entities"].as_array().unwrap().iter().any(|entity| {
                let name = entity["type"]["@type"].as_str().unwrap();
                let is_code = name == "textEntityTypeCode" || name.starts_with("textEntityTypePre");
                is_code && span(entity).contains(&span(found).start)
            });
            // Nobody is called, no bot is told to do anything, and nothing leads elsewhere.
            assert!(is_quoted, "{found} in {seen:?}");
        }
    }
    let seen = |at: usize| read[at]["text"].as_str().unwrap();
    assert!(seen(0).contains("Disk full") && seen(0).contains("/var is at 97 %"), "{}", seen(0));
    assert!(seen(1).contains("Gr\u{fc}\u{df}e \u{65e5}\u{672c} \u{1f600}"), "{}", seen(1));
    let title = HOSTILE_TITLE.split('\u{202e}').next().unwrap();
    // What parts a mention or a command is not seen.
    let read = seen(2).replace('\u{200b}', "");
    assert!(read.contains(title), "as it was written: {read}");
}

/// Which of the text's units an entity is about.
fn span(entity: &Value) -> Range<u64> {
    let [from, length] = ["offset", "length"].map(|name| entity[name].as_u64().expect("a number"));
    from..from + length
}

const CARD_VERSIONS: [&str; 4] = ["1.2", "1.3", "1.4", "1.5"];

#[tokio::test]
async fn every_adaptive_card_is_as_the_schema_of_its_version_says() {
    let mut schemas = BTreeMap::new();
    for version in CARD_VERSIONS {
        let Some(schema) = judge::adaptive_cards(version) else { return };
        schemas.insert(version, jsonschema::validator_for(&schema).expect("a schema"));
    }
    let setups = |origin: &str| {
        let url = format!("{origin}/workflows/x/run?sig=abc");
        let setup = |version| {
            (json!({"webhook_url": url, "card_version": version}), json!({"max_alerts": 1}))
        };
        CARD_VERSIONS.iter().map(setup).collect()
    };
    let sent = bodies("msteams", setups, 202, |_| String::new()).await;
    let mut seen = BTreeSet::new();
    for body in &sent {
        assert_eq!(body["type"], "message", "{body}");
        assert!(body.to_string().len() <= 28 * 1024, "Teams takes no more: {body}");
        let attachments = body["attachments"].as_array().expect("attachments");
        assert_eq!(attachments.len(), 1, "{body}");
        assert_eq!(attachments[0]["contentType"], "application/vnd.microsoft.card.adaptive");
        let mut card = attachments[0]["content"].clone();
        assert_eq!(card["type"], "AdaptiveCard", "{body}");
        // An extension of Teams, which the schema has no word for.
        card.as_object_mut().expect("an object").remove("msteams");
        let version = card["version"].as_str().expect("a version");
        seen.insert(version.to_owned());
        let wrong = schemas[version].iter_errors(&card).map(|one| one.to_string());
        let wrong: Vec<_> = wrong.collect();
        assert!(wrong.is_empty(), "{version}: {wrong:#?}\n{card}");
    }
    assert!(seen.iter().eq(CARD_VERSIONS), "{seen:?}");
    let first = sent[0].to_string();
    assert!(first.contains("Disk full") && first.contains("/var is at 97 %"), "{first}");
}

#[tokio::test]
async fn slacks_own_models_read_every_message() {
    let setups = |origin: &str| {
        let url = format!("{origin}/services/T/B/x");
        let bot = json!({"mode": "bot", "bot_token": "xoxb-1234567890-abc", "api_base": origin});
        vec![(json!({"webhook_url": url}), json!({})), (bot, json!({"channel": "C012345"}))]
    };
    let says = |request: &Request| {
        if request.head.line.contains("/services/") {
            return "ok".to_owned();
        }
        json!({"ok": true, "channel": "C012345", "ts": "1700000000.000100"}).to_string()
    };
    let sent = bodies("slack", setups, 200, says).await;
    assert!(sent.iter().any(|body| body["channel"] == "C012345"), "{sent:?}");

    let Some(wrong) = judge::slack(&json!(sent)).await else { return };

    for (wrong, body) in wrong.as_array().unwrap().iter().zip(&sent) {
        assert_eq!(wrong, &Value::Null, "{body}");
    }
}

#[tokio::test]
async fn every_message_to_discord_is_within_discords_limits() {
    let setups = |origin: &str| {
        let url = format!("{origin}/api/webhooks/123456789012345678/abc");
        vec![(json!({"webhook_url": url}), json!({}))]
    };
    let said = json!({"id": "223456789012345678", "channel_id": "323456789012345678"});
    let sent = bodies("discord", setups, 200, move |_| said.to_string()).await;
    for body in &sent {
        message::content(body["content"].as_str().unwrap_or_default()).expect("a content");
        let read = |mut embed: Value| -> Embed {
            // The library reads embeds as Discord gives them: in microseconds, with an offset.
            let time = embed["timestamp"].as_str().and_then(|time| time.strip_suffix('Z'));
            let time = time.unwrap_or_else(|| panic!("a time in UTC in {embed}"));
            embed["timestamp"] = format!("{time}000+00:00").into();
            embed["type"] = "rich".into();
            serde_json::from_value(embed.clone()).unwrap_or_else(|error| panic!("{error}: {embed}"))
        };
        let embeds = body["embeds"].as_array().cloned().unwrap_or_default();
        let embeds: Vec<_> = embeds.into_iter().map(read).collect();
        assert!(!embeds.is_empty(), "{body}");
        message::embeds(&embeds).unwrap_or_else(|error| panic!("{error}: {body}"));
        for one in &embeds {
            embed::embed(one).unwrap_or_else(|error| panic!("{error}: {one:?}"));
        }
        let nobody = json!([]);
        assert_eq!(body["allowed_mentions"]["parse"], nobody, "nobody is called: {body}");
    }
    let title = sent[0]["embeds"][0]["title"].as_str().unwrap_or_default();
    assert!(title.contains("Disk full"), "{title}");
}

#[tokio::test]
async fn the_judges_refuse_what_is_wrong() {
    let Some(schema) = judge::adaptive_cards("1.4") else { return };
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let card = |more: Value| json!({"type": "AdaptiveCard", "version": "1.4", "body": [more]});
    assert!(schema.is_valid(&card(json!({"type": "TextBlock", "text": "x"}))));
    assert!(!schema.is_valid(&card(json!({"type": "TextBlock", "text": 7}))));
    assert!(!schema.is_valid(&card(json!({"type": "TextBlock"}))));
    assert!(!schema.is_valid(&card(json!({"type": "Texts", "text": "x"}))));

    let block =
        |text: &str| json!({"type": "header", "text": {"type": "plain_text", "text": text}});
    let blocks = |one: Value| json!({"blocks": [one]});
    let messages = [
        blocks(block("x")),
        blocks(block(&"x".repeat(151))),
        blocks(json!({"type": "unheard_of"})),
        blocks(
            json!({"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "colour": "red"}),
        ),
        json!({"text": "no blocks"}),
    ];
    let Some(wrong) = judge::slack(&json!(messages)).await else { return };
    let is_wrong: Vec<_> = wrong.as_array().unwrap().iter().map(|one| !one.is_null()).collect();
    assert_eq!(is_wrong, [false, true, true, true, true], "{wrong}");

    let texts = json!(["<b>x</b>", "<b>x", "<foo>", "a & b &lt;"]);
    let Some(read) = judge::telegram_html(&texts).await else { return };
    let is_wrong = read.as_array().unwrap().iter().map(|one| !one["error"].is_null());
    assert_eq!(is_wrong.collect::<Vec<_>>(), [false, true, true, false], "{read}");
    assert_eq!(read[0]["entities"][0]["length"], 1, "{read}");
    assert!(message::content("x".repeat(2_001)).is_err());
}
