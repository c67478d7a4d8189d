//! One readable line about an alert, from its fields. Plain text; the names in it are the wire's.

use std::fmt::Write;

use super::inner::Inner;
use super::loose::Loose;
use super::seen::{Seen, Side};

/// `ws-042:51544 -> 185.220.101.34:443, TLS, mail.example.lan`
pub(super) fn of_flow(seen: &Seen<'_>) -> String {
    let mut line = String::with_capacity(128);
    push_side(&mut line, &seen.client);
    line.push_str(" -> ");
    push_side(&mut line, &seen.server);
    for part in [&seen.application, &seen.info] {
        let part = part.text();
        if !part.is_empty() {
            line.push_str(", ");
            line.push_str(&part);
        }
    }
    line
}

fn push_side(line: &mut String, side: &Side<'_>) {
    let (ip, name) = (side.ip.text(), side.name.text());
    let shown = if name.is_empty() { &ip } else { &name };
    // An IPv6 address and a port want brackets between them.
    let _ = match side.port.number::<u16>() {
        Some(port) if port > 0 && shown.contains(':') => write!(line, "[{shown}]:{port}"),
        Some(port) if port > 0 => write!(line, "{shown}:{port}"),
        _ => write!(line, "{shown}"),
    };
}

/// `nas-1.example.lan (192.168.1.29): 142 > 32`
pub(super) fn of_other(seen: &Seen<'_>, entity_value: &str, inner: &Inner) -> String {
    let name = seen.host.name.text();
    let mut line = match &*name {
        "" => entity_value.to_owned(),
        name if name == entity_value || entity_value.is_empty() => name.to_owned(),
        name => format!("{name} ({entity_value})"),
    };
    if let Some(details) = details(seen, inner).filter(|details| *details != line) {
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&details);
    }
    line
}

fn details(seen: &Seen<'_>, inner: &Inner) -> Option<String> {
    const PAIRS_MAX: usize = 8;
    if let (Some(value), Some(threshold)) = (inner.text("/value"), inner.text("/threshold")) {
        return Some(format!("{value} > {threshold}"));
    }
    if let Some(told) = inner.text("/msg_details").or_else(|| inner.text("/message")) {
        return Some(told);
    }
    let pairs: Vec<_> = inner
        .pairs()
        .take(PAIRS_MAX)
        .map(|(name, value)| format!("{} {value}", name.replace('_', " ")))
        .collect();
    if pairs.is_empty() { seen.subtype.some_text() } else { Some(pairs.join(", ")) }
}

/// A message in which older versions and reports put HTML: tags go, line breaks stay.
pub(super) fn without_tags(message: &Loose<'_>) -> String {
    let message = message.text();
    let mut plain = String::with_capacity(message.len());
    let mut rest = message.as_ref();
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let inside = tag[1..].trim_start_matches('/');
        let end =
            tag.find('>').filter(|_| inside.starts_with(|one: char| one.is_ascii_alphabetic()));
        match end {
            Some(end) => {
                let breaks = inside
                    .as_bytes()
                    .first_chunk()
                    .is_some_and(|name: &[u8; 2]| name.eq_ignore_ascii_case(b"br"));
                plain.push_str(if breaks { "\n" } else { "" });
                rest = &tag[end + 1..];
            }
            None => {
                plain.push('<');
                rest = &tag[1..];
            }
        }
    }
    plain.push_str(rest);
    const ENTITIES: [(&str, &str); 6] = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        // The last, so that nothing is decoded twice.
        ("&amp;", "&"),
    ];
    if plain.contains('&') {
        plain = ENTITIES.iter().fold(plain, |text, (coded, bare)| text.replace(coded, bare));
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_about_a_flow_has_both_ends_and_what_was_spoken() {
        let table = [
            (
                r#"{"cli_name":"ws-1","cli_ip":"10.0.0.1","cli_port":7,"srv_ip":"10.0.0.2","srv_port":443,"proto.ndpi":"TLS","info":"a.example"}"#,
                "ws-1:7 -> 10.0.0.2:443, TLS, a.example",
            ),
            (r#"{"cli_ip":"::1","cli_port":7,"srv_ip":"::2"}"#, "[::1]:7 -> ::2"),
            (r#"{"cli_ip":"10.0.0.1","cli_port":0,"srv_name":"b"}"#, "10.0.0.1 -> b"),
        ];
        for (json, expected) in table {
            assert_eq!(of_flow(&Seen::read(json).unwrap()), expected, "{json}");
        }
    }

    #[test]
    fn a_line_about_anything_else_says_the_most_telling_thing_there_is() {
        let table = [
            (
                r#"{"name":"nas-1","json":"{\"value\":142,\"threshold\":32}"}"#,
                "nas-1 (e): 142 > 32",
            ),
            (r#"{"name":"e","json":{"msg_details":"started"}}"#, "e: started"),
            (
                r#"{"json":{"old_mac":"a","new_mac":"b","deep":{},"no":""}}"#,
                "e: new mac b, old mac a",
            ),
            (r#"{"subtype":"eno1","json":"{broken"}"#, "e: eno1"),
            (r#"{"subtype":"e"}"#, "e"),
        ];
        for (json, expected) in table {
            let seen = Seen::read(json).unwrap();
            let line = of_other(&seen, "e", &Inner::read(seen.json));
            assert_eq!(line, expected, "{json}");
        }
    }

    #[test]
    fn tags_go_and_what_only_looks_like_one_stays() {
        let table = [
            ("a<br>b</br>c<BR/>d", "a\nb\nc\nd"),
            ("<a href=\"http://x\">host</a> is <b>down</b>", "host is down"),
            ("5 < 7 > 3 <", "5 < 7 > 3 <"),
            ("a &lt;b&gt; &amp;lt;", "a <b> &lt;"),
            ("<i", "<i"),
            ("", ""),
        ];
        for (html, expected) in table {
            assert_eq!(without_tags(&Loose::Text(html.into())), expected, "{html}");
        }
    }
}
