//! Started by a plain user, the native kinds work with that user's rights.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use campanile_tests::alerts::flow;
use campanile_tests::peers::{self, fail2ban::Fail2ban};
use campanile_tests::site::engine_user;
use serde_json::json;

use super::ground::{Ground, helper, text};

fn uid_of(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap();
    line.split('\t').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn scripts_and_bans_of_a_plain_user_have_that_users_rights() {
    let Some((site, ground)) = Ground::new().await else { return };
    let Some(user) = engine_user() else {
        return peers::skip("no other user reaches the target folder");
    };
    let Some(server) = Fail2ban::start().await else { return };
    // What nobody is advised to do: this one is the test's own.
    let socket = server.socket();
    chown(&socket, Some(user), Some(user)).unwrap();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(socket.parent().unwrap(), open).unwrap();
    let state = ground.open("state");
    let bans = ground.bans(&server, "").replace(
        &format!("{:?}", Path::new(&ground.policy_path()).with_file_name("state")),
        &format!("{state:?}"),
    );
    ground.policy(&format!("{}{bans}", ground.shell("")));
    ground
        .script("look.sh", r#"echo "$(id -u) $(id -g) $(id -G)"; grep NoNewPrivs /proc/$$/status"#);
    let site = site
        .by_plain_user()
        .set("api.may_ban", "['ingest']")
        .endpoint("ops", "shell", &json!({ "script": "look.sh" }))
        .recipient("ops", "ops", &json!({}))
        .endpoint("wall", "fail2ban", &json!({}))
        .recipient("wall", "wall", &json!({ "jail": "good" }));
    let engine = site.start().await;
    for pid in [engine.monitor_pid(), engine.pid()] {
        assert_eq!(uid_of(pid), user);
    }
    for kind in ["shell", "fail2ban"] {
        assert_eq!(uid_of(helper(&engine, kind).await), user, "{kind}");
    }
    let accepted = engine.accepts_ntopng([flow(7)]).await;
    engine.reaches(&accepted[0], "delivered").await;
    for delivery in engine.deliveries_of(&accepted[0]).await {
        if delivery["recipient"] == "ops" {
            let tries = engine.attempts(&text(&delivery["id"])).await;
            let expected = format!("{user} {user} {user}\nNoNewPrivs:\t1");
            let output = text(&tries[0]["output"]).replace("\\t", "\t");
            assert_eq!(output.trim(), expected, "{tries:?}");
        }
    }
    assert_eq!(server.acted(1).await, ["ban 10.0.0.7"]);
}
