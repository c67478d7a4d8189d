//! What the schemas of the kinds make of settings that no component sees whole: of a secret it has a
//! placeholder, so that only the schema can refuse what the service would.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use campanile_tests::site::project;
use jsonschema::Validator;
use serde_json::{Value, json};

fn schema(kind: &str, level: &str) -> Value {
    let file = project().join(format!("components/{kind}/src/{level}.schema.json"));
    let text = fs::read_to_string(&file);
    let text = text.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What one setting of endpoints may be.
fn setting(kind: &str, name: &str) -> Validator {
    let schema = schema(kind, "endpoint");
    let setting = &schema["properties"][name];
    assert_eq!(setting["writeOnly"], true, "{kind} {name}");
    jsonschema::validator_for(setting).expect("a schema")
}

#[test]
fn credentials_are_taken_at_the_bounds_of_their_length_and_not_past_them() {
    let whsec = |count: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![1; count]));
    let whsk = |count: usize| format!("whsk_{}", BASE64_STANDARD.encode(vec![1; count]));
    let telegram = |digits: usize, letters: usize| {
        format!("{}:{}", "1".repeat(digits), "a-B_9".repeat(13).get(..letters).expect("so many"))
    };
    let x = |count: usize| "x".repeat(count);
    let table = [
        // kind, setting, good, bad
        ("pagerduty", "routing_key", vec![x(32)], vec![x(31), x(33), format!("{}-", x(31))]),
        (
            "telegram",
            "bot_token",
            vec![telegram(6, 30), telegram(12, 64)],
            vec![telegram(5, 30), telegram(13, 30), telegram(6, 29), telegram(6, 65), x(40)],
        ),
        ("mattermost", "token", vec![x(26)], vec![x(25), x(27), "X".repeat(26)]),
        ("thehive", "api_key", vec![x(8), x(1024)], vec![x(7), x(1025), format!("{} ", x(8))]),
        ("wechat", "key", vec![x(1), x(128)], vec![x(0), x(129), "a&b".into()]),
        (
            "slack",
            "bot_token",
            vec![format!("xoxb-{}", x(8)), format!("xoxe.xoxb-{}", x(500))],
            vec![format!("xoxb-{}", x(7)), format!("xoxb-{}", x(501)), format!("xoxp-{}", x(8))],
        ),
        ("webhook", "signing_secret", vec![whsec(24), whsec(64)], vec![whsec(23), whsec(65)]),
        ("webhook", "signing_key", vec![whsk(32), whsk(64)], vec![whsk(31), whsk(65), whsec(32)]),
        ("webhook", "bearer_token", vec![x(1), x(8192)], vec![x(0), x(8193), "a b".into()]),
        ("webhook", "shared_secret", vec![x(1), x(1024)], vec![x(0), x(1025)]),
        ("webhook", "password", vec![x(1), x(1024)], vec![x(0), x(1025), "a\nb".into()]),
        ("elasticsearch", "password", vec![x(1), x(1024)], vec![x(0), x(1025), "a\r".into()]),
        ("elasticsearch", "api_key", vec!["YTpi==".into(), x(8192)], vec![x(8193), "a:b".into()]),
        ("elasticsearch", "bearer_token", vec![x(1), x(8192)], vec![x(0), x(8193), "a b".into()]),
        ("email", "password", vec![x(1), x(1024)], vec![x(0), x(1025), "a\r\nb".into()]),
    ];
    for (kind, name, good, bad) in table {
        let taken = setting(kind, name);
        for one in good {
            assert!(taken.is_valid(&json!(one)), "{kind} {name}: {one}");
        }
        for one in bad {
            assert!(!taken.is_valid(&json!(one)), "{kind} {name}: {one}");
        }
    }
}

#[test]
fn an_address_of_something_else_at_the_service_is_refused() {
    let id = "1".repeat(18);
    let discord = |host: &str, path: &str| format!("https://{host}/{path}/{id}/a-B_9");
    let hook = |name: &str| format!("https://chat.example/hooks/{name}");
    let flow = "https://prod-1.westeurope.logic.azure.com:443/workflows/x/run";
    let environment = "https://x.12.environment.api.powerplatform.com:443/powerautomate/y/invoke";
    let robot = "https://qyapi.weixin.qq.com/cgi-bin/webhook";
    let slack = "https://hooks.slack.com";
    let table = [
        // kind, good, bad
        (
            "discord",
            vec![
                discord("discord.com", "api/webhooks"),
                discord("discordapp.com", "api/v10/webhooks"),
                discord("ptb.discord.com", "api/v9/webhooks") + "?wait=true",
                discord("canary.discord.com", "api/webhooks"),
                discord("proxy.example", "discord/webhooks"),
            ],
            vec![
                discord("discord.com", "api/webhooks") + "/slack",
                discord("discord.com", "api/webhooks") + "/github",
                discord("discord.com", "api/v8/webhooks"),
                discord("discord.com", "api/channels"),
                discord("evil.discord.com", "api/webhooks"),
                discord("discord.com", "api/webhooks").replace("https:", "http:"),
                format!("https://discord.com/api/webhooks/{id}"),
            ],
        ),
        (
            "slack",
            vec![
                format!("{slack}/services/T0/B0/x"),
                "https://hooks.slack-gov.com/services/T0/B0/x".into(),
            ],
            vec![
                format!("{slack}/workflows/T0/A0/1/x"),
                format!("{slack}/triggers/T0/1/x"),
                format!("{slack}/services/T0/B0/x#y"),
                "https://me:x@hooks.slack.com/services/T0/B0/x".into(),
            ],
        ),
        (
            "msteams",
            vec![
                format!("{flow}?api-version=1&sp=x&sv=1.0&sig=abc"),
                format!("{environment}?sig=abc&sv=1.0"),
            ],
            vec![
                flow.into(),
                format!("{flow}?api-version=1"),
                format!("{flow}?sig="),
                format!("{flow}?nosig=abc"),
                "https://x.webhook.office.com/webhookb2/x?sig=abc".into(),
                "https://outlook.office.com/webhook/x?sig=abc".into(),
                "https://OUTLOOK.office365.com/webhook/x?sig=abc".into(),
            ],
        ),
        (
            "mattermost",
            vec![hook(&"x".repeat(26)), hook(&"x".repeat(26)) + "/"],
            vec![hook(&"x".repeat(25)), hook(&"x".repeat(27)), hook(&"X".repeat(26))],
        ),
        (
            "wechat",
            vec![
                format!("{robot}/send"),
                format!("{robot}/send?key=a-1"),
                "http://proxy.example/robot?token=x&key=a".into(),
            ],
            vec![
                format!("{robot}/upload_media?key=a-1"),
                format!("{robot}/send?key="),
                format!("{robot}/send?key=a&debug=1"),
                format!("{robot}/send?key=a").replace("https:", "http:"),
            ],
        ),
    ];
    for (kind, good, bad) in table {
        let taken = setting(kind, "webhook_url");
        for one in good {
            assert!(taken.is_valid(&json!(one)), "{kind}: {one}");
        }
        for one in bad {
            assert!(!taken.is_valid(&json!(one)), "{kind}: {one}");
        }
    }
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    let url = "https://h.example/";
    let secret = format!("whsec_{}", BASE64_STANDARD.encode([1; 24]));
    let key = format!("whsk_{}", BASE64_STANDARD.encode([1; 32]));
    let (token, bot) = ("x".repeat(26), "xoxb-12345678");
    let hook = format!("{url}hooks/{token}");
    let table = [
        // kind, settings of an endpoint, the setting without which they are refused
        ("webhook", json!({"url": url}), "url"),
        ("webhook", json!({"url": url, "password": "x", "username": "u"}), "username"),
        (
            "webhook",
            json!({"url": url, "previous_signing_secret": secret, "signing_secret": secret}),
            "signing_secret",
        ),
        (
            "webhook",
            json!({"url": url, "previous_signing_key": key, "signing_key": key}),
            "signing_key",
        ),
        ("elasticsearch", json!({"url": url, "password": "x", "username": "u"}), "username"),
        ("slack", json!({"webhook_url": url}), "webhook_url"),
        ("slack", json!({"mode": "bot", "bot_token": bot, "api_base": url}), "bot_token"),
        ("slack", json!({"mode": "bot", "bot_token": bot, "api_base": url}), "api_base"),
        ("mattermost", json!({"url": url, "token": token}), "token"),
        (
            "mattermost",
            json!({"url": url, "mode": "incoming_webhook", "webhook_url": hook}),
            "webhook_url",
        ),
        ("thehive", json!({"url": url, "api_key": "12345678"}), "api_key"),
    ];
    for (kind, settings, needed) in table {
        let taken = jsonschema::validator_for(&schema(kind, "endpoint")).expect("a schema");
        assert!(taken.is_valid(&settings), "{kind}: {settings}");
        let mut without = settings.clone();
        without.as_object_mut().expect("an object").remove(needed).expect("is there");
        assert!(!taken.is_valid(&without), "{kind}: {without}");
        let mut more = settings;
        more["hunter2"] = json!(1);
        assert!(!taken.is_valid(&more), "{kind}: a setting that nobody knows");
    }
}
