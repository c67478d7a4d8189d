//! Mattermost: posts of a bot over the REST API, and an incoming webhook.
//!
//! Source: <https://developers.mattermost.com/api-documentation/> and
//! <https://developers.mattermost.com/integrate/webhooks/incoming/>.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::{
    Call, Field, Sort, bearer, chars, faults, may, must, object, says, strangers as unheard_of,
};
use crate::capture::{Reply, Request};

/// Of a bot that is a member of the channel, and of no other.
pub const TOKEN: &str = "tk3n00000000000000000000bt";
pub const CHANNEL: &str = "chn000000000000000000000nl";
/// The incoming webhook that there is.
pub const HOOK: &str = "h00k0000000000000000000000";

const MESSAGE_MAX: usize = 16_383;
const PROPS_MAX: usize = 800_000;

const POST: &[Field] = &[
    must("/channel_id", Sort::Text(26)),
    may("/message", Sort::Text(usize::MAX)),
    may("/root_id", Sort::Text(26)),
    may("/pending_post_id", Sort::Text(usize::MAX)),
];
const CHANGE: &[Field] = &[may("/message", Sort::Text(usize::MAX))];
const BOTH: &[Field] = &[
    may("/props", Sort::Object),
    may("/props/attachments", Sort::List),
    may("/metadata", Sort::Object),
    may("/metadata/priority", Sort::Object),
    may("/metadata/priority/priority", Sort::Word(PRIORITIES)),
    may("/metadata/priority/requested_ack", Sort::Flag),
];
const HOOKED: &[Field] = &[
    may("/text", Sort::Text(usize::MAX)),
    may("/attachments", Sort::List),
    may("/channel", Sort::Text(usize::MAX)),
    may("/username", Sort::Text(usize::MAX)),
    may("/icon_url", Sort::Text(usize::MAX)),
    may("/icon_emoji", Sort::Text(usize::MAX)),
    may("/priority", Sort::Object),
    may("/priority/priority", Sort::Word(PRIORITIES)),
    may("/priority/requested_ack", Sort::Flag),
];
const PRIORITIES: &[&str] = &["", "important", "urgent"];
const ATTACHMENT: &[Field] = &[
    must("/fallback", Sort::Text(usize::MAX)),
    may("/color", Sort::Text(usize::MAX)),
    may("/title", Sort::Text(usize::MAX)),
    may("/title_link", Sort::Text(usize::MAX)),
    may("/text", Sort::Text(usize::MAX)),
    may("/fields", Sort::List),
    may("/footer", Sort::Text(usize::MAX)),
    may("/footer_icon", Sort::Text(usize::MAX)),
];

/// A server with one channel, without posts at first.
pub fn mattermost() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let posts = Mutex::new(vec![]);
    move |request| {
        let mut posts = posts.lock().unwrap_or_else(PoisonError::into_inner);
        judge(request, &mut posts).unwrap_or_else(|refusal| refusal)
    }
}

/// The keys of a post that the service has no word for, and so would drop in silence.
pub fn strangers(post: &Value) -> Vec<String> {
    let places = ["", "/props", "/metadata", "/metadata/priority"];
    let all = unheard_of(post, &places, &[POST, BOTH]);
    all.into_iter().chain(of_attachments(&post["props"]["attachments"])).collect()
}

/// The same of a message to the webhook.
pub fn strangers_of_hook(message: &Value) -> Vec<String> {
    let all = unheard_of(message, &["", "/priority"], &[HOOKED]);
    all.into_iter().chain(of_attachments(&message["attachments"])).collect()
}

fn of_attachments(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.flat_map(|one| unheard_of(one, &[""], &[ATTACHMENT])).collect()
}

fn judge(request: &Request, posts: &mut Vec<Value>) -> Result<Reply, Reply> {
    let call = Call::of(request);
    if let ("POST", Some(id)) = (call.method, call.path.strip_prefix("/hooks/")) {
        return hook(id, request);
    }
    let Some(path) = call.path.strip_prefix("/api/v4") else {
        return Err(error(404, "api.context.404.app_error"));
    };
    if (call.method, path) == ("GET", "/system/ping") {
        return Ok(says(200, &json!({"status": "OK"})));
    }
    if bearer(request) != Some(TOKEN) {
        return Err(error(401, "api.context.session_expired.app_error"));
    }
    let body = || object(request).ok_or_else(bad);
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match (call.method, parts.as_slice()) {
        ("POST", ["posts"]) => create(body()?, posts),
        ("PUT", ["posts", id, "patch"]) => change(id, &body()?, posts),
        ("GET", ["users", "me"]) => {
            Ok(says(200, &json!({"id": "b".repeat(26), "username": "campanile", "is_bot": true})))
        }
        ("GET", ["channels", CHANNEL] | ["teams", "name", "ops", "channels", "name", "alerts"]) => {
            Ok(says(200, &json!({"id": CHANNEL, "name": "alerts", "delete_at": 0})))
        }
        ("GET", ["channels", CHANNEL, "members", "me"]) => {
            Ok(says(200, &json!({"channel_id": CHANNEL, "user_id": "b".repeat(26)})))
        }
        ("GET", ["channels" | "teams", ..]) => Err(error(404, "app.channel.get.find.app_error")),
        _ => Err(error(404, "api.context.404.app_error")),
    }
}

fn create(mut post: Value, posts: &mut Vec<Value>) -> Result<Reply, Reply> {
    let is_wrong = !faults(&post, POST, chars).is_empty() || !is_id(&post["channel_id"]);
    if is_wrong {
        return Err(bad());
    }
    content(&post)?;
    if post["channel_id"] != CHANNEL {
        return Err(error(403, "api.context.permissions.app_error"));
    }
    let root = post["root_id"].as_str().filter(|root| !root.is_empty());
    if root.is_some_and(|root| !posts.iter().any(|one| one["id"] == root)) {
        return Err(error(400, "api.post.create_post.root_id.app_error"));
    }
    let key = &post["pending_post_id"];
    let is_key = key.as_str().is_some_and(|key| !key.is_empty());
    if let Some(first) = posts.iter().find(|one| is_key && one["pending_post_id"] == *key) {
        return Ok(says(201, first));
    }
    post["id"] = format!("p{:025}", posts.len()).into();
    post["create_at"] = 1_795_488_660_000_i64.into();
    post["user_id"] = "b".repeat(26).into();
    posts.push(post.clone());
    Ok(says(201, &post))
}

fn change(id: &str, change: &Value, posts: &mut [Value]) -> Result<Reply, Reply> {
    if !is_id(&id.into()) {
        return Err(error(400, "api.context.invalid_url_param.app_error"));
    }
    let found = posts.iter_mut().find(|one| one["id"] == id);
    let found = found.ok_or_else(|| error(404, "app.post.get.app_error"))?;
    if !faults(change, CHANGE, chars).is_empty() {
        return Err(bad());
    }
    content(change)?;
    for name in ["message", "props"] {
        if let Some(value) = change.get(name) {
            found[name] = value.clone();
        }
    }
    Ok(says(200, found))
}

/// What a post may say.
fn content(post: &Value) -> Result<(), Reply> {
    if !faults(post, BOTH, chars).is_empty() {
        return Err(bad());
    }
    if post["message"].as_str().is_some_and(|message| chars(message) > MESSAGE_MAX) {
        return Err(error(400, "model.post.is_valid.message_length.app_error"));
    }
    if chars(&post["props"].to_string()) > PROPS_MAX {
        return Err(error(400, "model.post.is_valid.props.app_error"));
    }
    attachments(&post["props"]["attachments"]).map_err(|()| bad())
}

fn attachments(list: &Value) -> Result<(), ()> {
    let all = list.as_array().into_iter().flatten();
    let is_right = |one: &Value| one.is_object() && faults(one, ATTACHMENT, chars).is_empty();
    let is_field = |one: &Value| one["title"].is_string() && !one["value"].is_null();
    let fields = |one: &Value| one["fields"].as_array().into_iter().flatten().all(is_field);
    all.clone().all(|one| is_right(one) && fields(one)).then_some(()).ok_or(())
}

fn hook(id: &str, request: &Request) -> Result<Reply, Reply> {
    // Not 404, as one would think.
    if id != HOOK {
        return Err(error(400, "web.incoming_webhook.invalid.app_error"));
    }
    let parse = || error(400, "web.incoming_webhook.parse.app_error");
    let body = object(request).ok_or_else(parse)?;
    if !faults(&body, HOOKED, chars).is_empty() || attachments(&body["attachments"]).is_err() {
        return Err(parse());
    }
    // A longer text becomes more than one post, so that there is no most of it.
    let is_empty = body["text"].as_str().unwrap_or_default().is_empty();
    if is_empty && body["attachments"].as_array().is_none_or(Vec::is_empty) {
        return Err(error(400, "web.incoming_webhook.text.app_error"));
    }
    if body["channel"].as_str().is_some_and(|name| name != "alerts") {
        return Err(error(404, "web.incoming_webhook.channel.app_error"));
    }
    Ok(Reply::text(200, "ok").with("content-type", "text/plain"))
}

fn bad() -> Reply {
    error(400, "api.context.invalid_body_param.app_error")
}

fn error(status: u16, id: &str) -> Reply {
    let said = json!({"id": id, "message": "Refused by the contract.", "detailed_error": "",
        "request_id": "r".repeat(26), "status_code": status});
    says(status, &said)
}

fn is_id(id: &Value) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    id.as_str().is_some_and(|id| id.len() == 26 && id.bytes().all(is_sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tests::{but, read, request};

    const POSTS: &str = "POST /api/v4/posts";

    fn asked(line: &str, body: &Value) -> Request {
        request(line, ("authorization", &format!("Bearer {TOKEN}")), body)
    }

    fn post() -> Value {
        let attachment = json!({"fallback": "f", "color": "#E74C3C", "text": "t",
            "fields": [{"title": "Score", "value": 180, "short": true}]});
        json!({"channel_id": CHANNEL, "message": "\u{1f600}".repeat(MESSAGE_MAX),
            "pending_post_id": "1", "props": {"attachments": [attachment]},
            "metadata": {"priority": {"priority": "urgent", "requested_ack": true}}})
    }

    #[test]
    fn a_post_is_made_once_answered_and_changed() {
        assert!(strangers(&post()).is_empty(), "{:?}", strangers(&post()));
        let attachments = json!([{"fallback": "f", "colour": "#000000"}]);
        let strange = json!({"channel": "x", "props": {"attachments": attachments}});
        assert_eq!(strangers(&strange), ["/channel", "/colour"]);
        let strange = json!({"channel_id": "x", "attachments": attachments});
        assert_eq!(strangers_of_hook(&strange), ["/channel_id", "/colour"]);
        let server = mattermost();
        let ask = |line: &str, body: &Value| read(server(&asked(line, body)));
        let (status, first) = ask(POSTS, &post());
        assert_eq!(status, 201, "{first}");
        assert_eq!(ask(POSTS, &post()), (201, first.clone()));
        let answer =
            but(&but(&post(), "/root_id", first["id"].clone()), "/pending_post_id", json!("2"));
        let (status, second) = ask(POSTS, &answer);
        assert_eq!(status, 201, "{second}");
        assert_ne!(first["id"], second["id"]);
        let line = format!("PUT /api/v4/posts/{}/patch", first["id"].as_str().unwrap());
        let (status, changed) = ask(&line, &json!({"message": "over"}));
        assert_eq!((status, &changed["message"]), (200, &json!("over")));
        assert_eq!(ask(&line, &json!({"message": 7})).0, 400);
        assert_eq!(ask(&line, &json!({"message": "m".repeat(MESSAGE_MAX + 1)})).0, 400);
        assert_eq!(ask(&format!("PUT /api/v4/posts/{CHANNEL}/patch"), &json!({})).0, 404);
        assert_eq!(ask("PUT /api/v4/posts/short/patch", &json!({})).0, 400);
    }

    #[test]
    fn what_the_server_refuses_is_refused() {
        let bad = "api.context.invalid_body_param.app_error";
        let length = "model.post.is_valid.message_length.app_error";
        let table = [
            ("/channel_id", json!(null), 400, bad),
            ("/channel_id", json!("town-square"), 400, bad),
            ("/channel_id", json!("C".repeat(26)), 400, bad),
            ("/channel_id", json!("c".repeat(26)), 403, "api.context.permissions.app_error"),
            ("/message", json!(7), 400, bad),
            ("/message", json!("m".repeat(MESSAGE_MAX + 1)), 400, length),
            ("/root_id", json!("r".repeat(26)), 400, "api.post.create_post.root_id.app_error"),
            ("/props", json!("x"), 400, bad),
            (
                "/props/more",
                json!("x".repeat(PROPS_MAX)),
                400,
                "model.post.is_valid.props.app_error",
            ),
            ("/props/attachments", json!([{"text": "no fallback"}]), 400, bad),
            ("/props/attachments", json!([{"fallback": "f", "color": 7}]), 400, bad),
            (
                "/props/attachments",
                json!([{"fallback": "f", "fields": [{"title": "t"}]}]),
                400,
                bad,
            ),
            ("/props/attachments", json!(["text"]), 400, bad),
            ("/metadata/priority/priority", json!("high"), 400, bad),
        ];
        for (at, value, expected, id) in table {
            let (status, said) = read(mattermost()(&asked(POSTS, &but(&post(), at, value))));
            assert_eq!((status, said["id"].as_str()), (expected, Some(id)), "{at}");
            assert_eq!(said["status_code"], expected, "{at}");
        }
        let status = |line: &str, key: &str| {
            read(mattermost()(&request(line, ("authorization", key), &post()))).0
        };
        assert_eq!(status(POSTS, "Bearer another"), 401);
        assert_eq!(status(POSTS, TOKEN), 401);
        assert_eq!(status("POST /posts", &format!("Bearer {TOKEN}")), 404);
        assert_eq!(status("GET /api/v4/system/ping", ""), 200);
    }

    #[test]
    fn what_the_webhook_refuses_is_refused() {
        let ask = |id: &str, body: &Value| {
            read(mattermost()(&request(&format!("POST /hooks/{id}"), ("x", "y"), body)))
        };
        let attachments = json!({"attachments": [{"fallback": "f"}], "channel": "alerts"});
        for body in [json!({"text": "x"}), attachments.clone()] {
            assert_eq!(ask(HOOK, &body), (200, json!("ok")));
        }
        let (status, said) = ask(CHANNEL, &attachments);
        assert_eq!((status, &said["id"]), (400, &json!("web.incoming_webhook.invalid.app_error")));
        let table = [
            (json!([]), "parse"),
            (json!({"text": 7}), "parse"),
            (json!({"attachments": [{"text": "no fallback"}]}), "parse"),
            (json!({"text": "x", "priority": {"priority": "high"}}), "parse"),
            (json!({}), "text"),
            (json!({"attachments": []}), "text"),
            (json!({"text": "x", "channel": "another"}), "channel"),
        ];
        for (body, name) in table {
            let id = format!("web.incoming_webhook.{name}.app_error");
            assert_eq!(ask(HOOK, &body).1["id"], id.as_str(), "{body}");
        }
    }
}
