//! WeCom's group robot. Its verdict stands in the body: the status is 200 for a refusal too.
//!
//! Source: <https://developer.work.weixin.qq.com/document/path/91770>.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Call, object, says};
use crate::capture::{Reply, Request};

/// The robot that there is.
pub const KEY: &str = "693a91f6-7a0c-4bc4-97a0-0ec2sifa5aaa";
/// Where it is, below the server's origin.
pub const PATH: &str = "/cgi-bin/webhook/send";

/// A robot takes so many messages in [`SPAN`].
const MESSAGES_MAX: usize = 20;
const SPAN: Duration = Duration::from_secs(60);

/// A robot's webhook.
pub fn wecom() -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let taken = Mutex::new(VecDeque::new());
    move |request| {
        let call = Call::of(request);
        if call.path != PATH || call.method != "POST" {
            return 404.into();
        }
        let verdict = judge(request, call.query).and_then(|()| {
            let mut taken = taken.lock().unwrap_or_else(PoisonError::into_inner);
            count(&mut taken, request.arrived)
        });
        let (code, text) = verdict.err().unwrap_or((0, "ok"));
        says(200, &json!({"errcode": code, "errmsg": text}))
    }
}

type Refusal = (i32, &'static str);

fn judge(request: &Request, query: &str) -> Result<(), Refusal> {
    if query.split('&').find_map(|pair| pair.strip_prefix("key=")) != Some(KEY) {
        return Err((93000, "invalid webhook url, hint: [1]"));
    }
    let body = object(request).ok_or((40058, "invalid Request Parameter, hint: [2]"))?;
    let (name, most) = match body["msgtype"].as_str() {
        Some("text") => ("text", 2048),
        Some("markdown") => ("markdown", 4096),
        Some("markdown_v2") => ("markdown_v2", 4096),
        _ => return Err((40008, "invalid message type, hint: [3]")),
    };
    let content = match &body[name]["content"] {
        Value::Null => "",
        Value::String(content) => content,
        _ => return Err((40058, "invalid Request Parameter, hint: [4]")),
    };
    if content.trim().is_empty() {
        return Err((44004, "empty content, hint: [5]"));
    }
    // In bytes. The code is the one of any parameter that is wrong.
    if content.len() > most {
        return Err((40058, "content exceed max length. invalid Request Parameter, hint: [6]"));
    }
    for name in ["mentioned_list", "mentioned_mobile_list"] {
        let list = &body["text"][name];
        let is_list = list.as_array().is_some_and(|all| all.iter().all(Value::is_string));
        if !list.is_null() && !is_list {
            return Err((40058, "invalid Request Parameter, hint: [7]"));
        }
    }
    Ok(())
}

fn count(taken: &mut VecDeque<Instant>, now: Instant) -> Result<(), Refusal> {
    taken.retain(|before| now.duration_since(*before) < SPAN);
    if taken.len() >= MESSAGES_MAX {
        return Err((45009, "api freq out of limit, hint: [8]"));
    }
    taken.push_back(now);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::tests::{but, read, request};

    fn posting(key: &str, body: &Value) -> Request {
        request(&format!("POST {PATH}?key={key}"), ("x", "y"), body)
    }

    fn code(request: &Request) -> i64 {
        let (status, said) = read(wecom()(request));
        assert_eq!(status, 200, "{said}");
        said["errcode"].as_i64().expect("a code")
    }

    #[test]
    fn a_message_is_taken_and_what_the_service_refuses_is_refused() {
        for (sort, most) in [("text", 2048), ("markdown", 4096), ("markdown_v2", 4096)] {
            // Three bytes each, and it is bytes that count.
            let content = |bytes: usize| "\u{65e5}".repeat(bytes / 3) + &"x".repeat(bytes % 3);
            let body = json!({"msgtype": sort, (sort): {"content": content(most)}});
            assert_eq!(code(&posting(KEY, &body)), 0, "{sort}");
            let at = format!("/{sort}/content");
            let table = [
                ("/msgtype", json!(null), 40008),
                ("/msgtype", json!("html"), 40008),
                (&at, json!(null), 44004),
                (&at, json!(" \n"), 44004),
                (&at, json!(7), 40058),
                (&at, json!(content(most + 1)), 40058),
            ];
            for (at, value, expected) in table {
                assert_eq!(
                    code(&posting(KEY, &but(&body, at, value.clone()))),
                    expected,
                    "{at} {value}"
                );
            }
            assert_eq!(code(&posting("another", &body)), 93000);
            assert_eq!(code(&posting(KEY, &json!([body]))), 40058);
        }
        let body = json!({"msgtype": "text", "text": {"content": "x", "mentioned_list": ["@all"]}});
        assert_eq!(code(&posting(KEY, &body)), 0);
        for list in [json!("@all"), json!([7])] {
            assert_eq!(code(&posting(KEY, &but(&body, "/text/mentioned_list", list))), 40058);
        }
        for line in ["GET /cgi-bin/webhook/send?key=x", "POST /cgi-bin/webhook?key=x"] {
            assert_eq!(read(wecom()(&request(line, ("x", "y"), &body))).0, 404, "{line}");
        }
    }

    #[test]
    fn a_robot_takes_20_messages_in_a_minute() {
        let robot = wecom();
        let mut message = posting(KEY, &json!({"msgtype": "text", "text": {"content": "x"}}));
        let mut code = |later| {
            message.arrived += later;
            read(robot(&message)).1["errcode"].clone()
        };
        for _ in 0..20 {
            assert_eq!(code(Duration::ZERO), 0);
        }
        assert_eq!(code(Duration::from_secs(59)), 45009);
        assert_eq!(code(Duration::from_secs(1)), 0);
    }
}
