//! Kinds against servers that hold the service's contract: what the service would refuse is
//! refused, and what it would drop in silence is found.

use campanile_tests::capture::{Capture, Reply, Request};
use campanile_tests::eventually;
use campanile_tests::services::{mattermost, pagerduty, thehive, wecom};
use campanile_tests::site::Site;
use serde_json::{Value, json};

use super::{alerts, takes};

/// The bodies of what was asked in this way.
fn bodies(asked: &[Request], line: &str) -> Vec<Value> {
    asked.iter().filter(|one| one.head.line.starts_with(line)).map(Request::json).collect()
}

/// None of these has a key that the service does not know.
fn are_known(bodies: &[Value], strangers: impl Fn(&Value) -> Vec<String>) {
    for body in bodies {
        assert!(strangers(body).is_empty(), "{:?} in {body}", strangers(body));
    }
}

#[tokio::test]
async fn mattermost_takes_every_post_and_every_message_to_its_webhook() {
    let setups = |origin: &str| {
        let bot = json!({"url": origin, "token": mattermost::TOKEN});
        let hook = format!("{origin}/hooks/{}", mattermost::HOOK);
        let hook = json!({"url": origin, "mode": "incoming_webhook", "webhook_url": hook});
        let to = |on_release| json!({"channel_id": mattermost::CHANNEL, "on_release": on_release});
        let by_name = json!({"team": "ops", "channel": "alerts", "on_release": "new"});
        vec![
            (bot.clone(), to("reply")),
            (bot.clone(), to("edit")),
            (bot, by_name),
            (hook, json!({"channel": "alerts", "username": "ops", "icon_emoji": "bell"})),
        ]
    };
    let asked = takes("mattermost", mattermost::mattermost(), setups).await;
    let posts = bodies(&asked, "POST /api/v4/posts ");
    let answers = posts.iter().filter(|post| post["root_id"].is_string()).count();
    // Seven alerts each, but for the one that is told by a change.
    assert_eq!((posts.len(), answers), (3 * 7 - 1, 1), "{posts:?}");
    are_known(&posts, mattermost::strangers);
    let changes = bodies(&asked, "PUT /api/v4/posts/");
    assert_eq!(changes.len(), 1, "{changes:?}");
    are_known(&changes, mattermost::strangers);
    let hooked = bodies(&asked, "POST /hooks/");
    assert_eq!(hooked.len(), 7, "{hooked:?}");
    are_known(&hooked, mattermost::strangers_of_hook);
}

#[tokio::test]
async fn pagerduty_takes_every_event_and_the_end_has_the_key_of_the_beginning() {
    let setups = |origin: &str| {
        let settings = json!({"base_url": origin, "routing_key": pagerduty::ROUTING_KEY});
        vec![(settings, json!({}))]
    };
    let asked = takes("pagerduty", pagerduty::pagerduty(), setups).await;
    let events = bodies(&asked, "POST /v2/enqueue ");
    assert_eq!(events.len(), 7, "{events:?}");
    are_known(&events, pagerduty::strangers);
    let [begins, ends] = [&events[4], &events[5]];
    assert_eq!([&begins["event_action"], &ends["event_action"]], ["trigger", "resolve"]);
    assert_eq!(begins["dedup_key"], ends["dedup_key"]);
}

#[tokio::test]
async fn thehive_takes_every_alert_and_the_end_changes_the_one_that_began() {
    let setups = |origin: &str| {
        let settings = json!({"url": origin, "api_key": thehive::API_KEY});
        vec![(settings, json!({"observable_url": "https://watch.example/"}))]
    };
    let asked = takes("thehive", thehive::thehive(), setups).await;
    let created = bodies(&asked, "POST /api/v1/alert ");
    assert_eq!(created.len(), 6, "{created:?}");
    are_known(&created, thehive::strangers);
    // In milliseconds, which the service cannot tell from seconds.
    assert_eq!(created[0]["date"], 1_735_689_600_250_i64);
    let changes = bodies(&asked, "PATCH /api/v1/alert/~");
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(changes[0]["addTags"], json!(["released"]));
}

/// A robot for each type: they would share its 20 messages in a minute.
#[tokio::test]
async fn wecom_takes_every_message_of_each_type() {
    for sort in ["markdown", "text", "markdown_v2"] {
        let setups = |origin: &str| {
            let url = format!("{origin}{}?key={}", wecom::PATH, wecom::KEY);
            vec![(json!({"webhook_url": url}), json!({"msgtype": sort}))]
        };
        let asked = takes("wechat", wecom::wecom(), setups).await;
        let messages = bodies(&asked, "POST /cgi-bin/webhook/send?key=");
        assert!(messages.len() >= 7, "{messages:?}");
        assert!(messages.iter().all(|one| one["msgtype"] == sort), "{messages:?}");
    }
}

#[tokio::test]
async fn a_credential_that_the_service_does_not_know_is_told_as_such() {
    type Rule = Box<dyn Fn(&Request) -> Reply + Send + Sync>;
    let rules: [(&str, Rule); 4] = [
        ("mattermost", Box::new(mattermost::mattermost())),
        ("mattermost", Box::new(mattermost::mattermost())),
        ("thehive", Box::new(thehive::thehive())),
        ("wechat", Box::new(wecom::wecom())),
    ];
    let other = "x".repeat(26);
    let to_channel = json!({"channel_id": mattermost::CHANNEL});
    for (at, (kind, rule)) in rules.into_iter().enumerate() {
        let service = Capture::deciding(rule).await;
        let origin = format!("http://{}", service.address());
        let hook = format!("{origin}/hooks/{other}");
        let robot = format!("{origin}{}?key={other}", wecom::PATH);
        let setups = [
            json!({"url": origin, "token": other}),
            json!({"url": origin, "mode": "incoming_webhook", "webhook_url": hook}),
            json!({"url": origin, "api_key": other}),
            json!({"webhook_url": robot}),
        ];
        let recipient = if at == 0 { to_channel.clone() } else { json!({}) };
        let site = Site::new().await.endpoint("end", kind, &setups[at]);
        let engine = site.recipient("ops", "end", &recipient).start().await;
        let alert = engine.accepts(&alerts()[0]).await.swap_remove(0);
        let record = eventually("an attempt", || async {
            let delivery = engine.deliveries_of(&alert).await.into_iter().next()?;
            engine.attempts_of(delivery["id"].as_str()?).await.into_iter().next()
        });
        let record = record.await;
        assert!(record.starts_with("misconfigured"), "{kind}: {record}");
    }
}
