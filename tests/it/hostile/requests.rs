//! Paths by which a component tries to leave what it was granted at an origin.

use campanile_tests::peer::http::{Web, answer};
use serde_json::json;

use super::secrets::wanted;
use super::{Attack, Chapter, thief};

/// What is put behind the scheme and host of an origin that is granted from `/open` on, what it
/// tries, and what is said.
type Row = (&'static str, &'static str, &'static str);

const PATH: &str = r#"code: "path""#;
const DONE: &str = "200 Ending::Complete";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("/open/x", "stays where it may be", DONE),
    ("/open?next=/../admin", "names another path in the query, which is text", DONE),
    ("/admin", "asks for another path", PATH),
    ("/", "asks for the path above", PATH),
    ("/opened", "asks for a path that only begins so", PATH),
    ("/OPEN/x", "writes the path in capitals", PATH),
    ("/open/../admin", "goes up", PATH),
    ("/open/./../admin", "goes up by a detour", PATH),
    ("/open/%2e%2e/admin", "goes up, percent-encoded", PATH),
    ("/open/%2E./admin", "goes up, partly percent-encoded", PATH),
    ("/open/..%2fadmin", "goes up with a separator that is percent-encoded", PATH),
    ("/open/%252e%252e/admin", "goes up, percent-encoded twice", PATH),
    ("/open\\..\\admin", "goes up with backslashes", PATH),
    ("/open/..%5cadmin", "goes up with a backslash that is percent-encoded", PATH),
    ("/open/..;/admin", "goes up with a parameter, as some servers take it", PATH),
    ("/open/%00/../../admin", "goes up behind a zero byte", PATH),
    ("//other.example/open", "begins with what reads as another host", PATH),
    ("/http://other.example/open", "has a whole URL for a path", PATH),
    ("/open/http://other.example/", "has a whole URL within the path, which is text", DONE),
    ("/open/\t../admin", "hides a tab in the path", PATH),
    ("/open/a b", "has a blank in the path", DONE),
    ("/open/<crlf>GET /admin HTTP/1.1<crlf>x: y", "has ends of lines in the path, and a request behind them", "GET%20/admin"),
];

pub(super) fn chapter() -> Chapter {
    let attack = |(path, does, said): &Row| Attack {
        name: format!("`{}`", path.escape_default()),
        does: (*does).to_owned(),
        outcome: match *said {
            PATH => "denied: `code: path`".to_owned(),
            DONE => "sent as it stands, within what is granted".to_owned(),
            _ => "no end of a line is sent".to_owned(),
        },
    };
    Chapter {
        title: "Paths",
        about: "An origin of which a component was granted what is beneath `/open`.\n",
        tested: ("hostile/requests.rs", "no_spelling_of_a_path_leaves_what_was_granted"),
        attacks: ROWS.iter().map(attack).collect(),
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_leaves_what_was_granted() {
    let own = Web::saying(|_| answer(200, &[], b"")).await;
    let other = Web::saying(|request| answer(200, &[], request.head.line.as_bytes())).await;
    let site = thief::site().await;
    let engine = site.start().await;
    let mut wrong = Vec::new();
    for (path, does, said) in ROWS {
        let before = other.requests().len();
        let url = format!("http://{}{path}", other.address());
        let steps = json!([{"send": {"url": url, "method": "GET"}}]);
        let report = thief::acts(&engine, &wanted(&own, &other, &steps)).await;
        let sent: Vec<_> =
            other.requests().into_iter().skip(before).map(|one| one.head.line).collect();
        let is_within = sent.iter().all(|line| {
            let path = line.strip_prefix("GET /open").unwrap_or("!");
            // What follows a `?` is no path.
            let path = path.split_once('?').map_or(path, |(path, _)| path);
            path.is_empty()
                || path.starts_with(['/', '?', ' '])
                    && !path.contains("/../")
                    && !path.contains("admin ")
        });
        if !report.contains(said)
            || sent.len() > 1
            || (*said == PATH) != sent.is_empty()
            || !is_within
        {
            wrong.push(format!("{path}, {does}: {report}, sent {sent:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
