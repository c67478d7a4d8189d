//! Where instances get their memory, and that they find nothing in it.

use campanile_tests::alerts::native;
use campanile_tests::capture::Capture;
use campanile_tests::engine::Engine;
use campanile_tests::site::Site;
use serde_json::{Value, json};

use crate::path::webhook_at;

/// Too small for the pool, which wants more than 8 GiB; ample for all else.
const ADDRESS_SPACE: u64 = 4 << 30;

#[tokio::test]
async fn an_engine_without_room_for_the_pool_says_so_and_delivers() {
    for (address_space, expected) in [(None, "pooling"), (Some(ADDRESS_SPACE), "on-demand")] {
        let capture = Capture::answering([200]).await;
        let site = webhook_at(&capture).await;
        let site = match address_space {
            Some(bytes) => site.with_address_space(bytes),
            None => site,
        };
        let engine = site.start().await;

        let alerts: Vec<Value> = (0..50).map(|at| native(&format!("db-{at}"))).collect();
        for id in engine.accepts(&json!(alerts)).await {
            engine.reaches(&id, "delivered").await;
        }

        let log = site.log();
        assert!(log.contains(&format!("allocation=\"{expected}\"")), "{log}");
        let warned = log.contains("The address space is too small for a pool of instances");
        assert_eq!(warned, address_space.is_some(), "{log}");
    }
}

#[tokio::test]
async fn a_store_finds_nothing_of_what_another_recipient_s_store_left() {
    for address_space in [None, Some(ADDRESS_SPACE)] {
        let capture = Capture::answering([200]).await;
        // Few places, so that each is used again and again.
        let mut site =
            Site::new().await.set("retry.attempts_max", "1").set("limits.calls_count", "1");
        if let Some(bytes) = address_space {
            site = site.with_address_space(bytes);
        }
        for attack in ["canary-write", "canary-read", "canary"] {
            let settings = json!({"url": capture.url(), "attack": attack});
            let filter = json!({ "minimum_severity": "none", "categories": [attack] });
            site = site.endpoint(attack, "hostile", &settings);
            site = site.recipient_of(attack, attack, &json!({}), &filter);
        }
        let engine = site.start().await;

        // The search finds what there is: within one store, the memory is one.
        let both = ["write", "read"].map(|title| canary(title, "canary"));
        let both = engine.accepts(&json!(both)).await;
        let control = detail_of(&engine, &both[1]).await;
        assert!(
            !control.starts_with("found 0 words") && control.starts_with("found "),
            "{control}"
        );

        for round in 0..50 {
            for (attack, expected) in [
                ("canary-write", "wrote 4194304 bytes"),
                (
                    "canary-read",
                    "found 0 words of the pattern, and 0 words that are not zero in new memory",
                ),
            ] {
                let id = engine.accepts(&canary(&format!("{round}"), attack)).await.remove(0);
                assert_eq!(detail_of(&engine, &id).await, expected, "round {round}");
            }
        }
    }
}

fn canary(title: &str, category: &str) -> Value {
    json!({"title": title, "category": category, "fingerprint": format!("{category}/{title}")})
}

async fn detail_of(engine: &Engine, alert: &str) -> String {
    let dead = engine.reaches(alert, "dead").await;
    dead["last"]["detail"].as_str().expect("a detail").to_owned()
}
