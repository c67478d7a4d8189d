//! Reads a mail as a mail program does.

use campanile_guest::Message;

/// Headers, unfolded, and the rest.
pub(super) fn opened(message: &Message) -> (Vec<String>, String) {
    let text = String::from_utf8(message.body.clone()).expect("UTF-8");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    (head.split("\r\n").map(str::to_owned).collect(), body.to_owned())
}

pub(super) fn header<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let mut found = head.iter().filter_map(|line| line.strip_prefix(&format!("{name}: ")));
    let first = found.next();
    assert!(found.next().is_none(), "{name} stands twice: {head:?}");
    first
}

/// The text of `Subject`, decoded.
pub(super) fn subject_of(message: &Message) -> String {
    let (head, _) = opened(message);
    let value = header(&head, "Subject").expect("a subject").to_owned();
    decoded_words(&value)
}

pub(super) fn decoded_words(value: &str) -> String {
    let mut bytes = Vec::new();
    let value = value.replace("?= =?", "?==?");
    let mut rest = value.as_str();
    while let Some((before, word)) = rest.split_once("=?") {
        bytes.extend_from_slice(before.as_bytes());
        let mut parts = word.splitn(3, '?').skip(1);
        let (how, text) = (parts.next().expect("how"), parts.next().expect("text"));
        // A word of Q may begin with an escape: "?Q?=F0".
        let (text, behind) = text.split_once("?=").expect("an end");
        let word = match how {
            "Q" => encodify::qp::Q_TEXT.decode(text).expect("Q").into_owned(),
            _ => encodify::base64::STANDARD.decode(text).expect("B"),
        };
        // Each by itself: no character is split (RFC 2047, 5).
        bytes.extend_from_slice(std::str::from_utf8(&word).expect("whole characters").as_bytes());
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).expect("UTF-8")
}

/// The parts of a multipart mail, decoded, with LF.
pub(super) fn parts(message: &Message) -> (String, String) {
    let (head, body) = opened(message);
    let content_type = header(&head, "Content-Type").expect("a type");
    let boundary = content_type.split("boundary=").nth(1).expect("a boundary").trim_matches('"');
    let marker = format!("--{boundary}");
    let decoded = |part: &str| {
        let (_, text) = part.split_once("\r\n\r\n").expect("a head");
        let bytes = encodify::qp::BODY.decode(text).expect("quoted-printable").into_owned();
        let text = String::from_utf8(bytes).expect("UTF-8").replace("\r\n", "\n");
        // The last line break belongs to the boundary.
        text.strip_suffix('\n').expect("a line break").to_owned()
    };
    let mut parts = body.split(marker.as_str()).skip(1);
    let (text, html) = (parts.next().expect("text"), parts.next().expect("html"));
    assert!(text.contains("text/plain") && html.contains("text/html"));
    assert_eq!(parts.next(), Some("--\r\n"));
    (decoded(text), decoded(html))
}

/// What no server can refuse: lines of ASCII, ended by CR LF, none too long.
pub(super) fn is_fit(message: &Message) {
    let body = &message.body;
    assert!(body.ends_with(b"\r\n") && body.is_ascii());
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0));
    }
    let text = String::from_utf8_lossy(body).replace("\r\n", "");
    assert!(!text.contains('\n'), "a bare LF");
}
