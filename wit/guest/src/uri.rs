//! Web addresses for services that take none but a URI, as RFC 3986 has it.
//!
//! Promise: what comes out is such a URI, in ASCII, and leads where the address leads. What may not
//! stand in its path, query or fragment is percent-encoded; an authority that has what is never
//! part of one gives none, since programs read those in more than one way.
//!
//! Not here: addresses in a markup ([`crate::escape::address`]).

use std::net::Ipv6Addr;

use crate::escape::push_encoded;

/// `None` for what is no web address.
pub fn of_web(address: &str) -> Option<String> {
    let scheme = ["https://", "http://"].into_iter().find(|one| address.starts_with(one))?;
    let rest = &address[scheme.len()..];
    let (authority, behind) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let mut uri = String::with_capacity(address.len());
    uri.push_str(scheme);
    push_authority(&mut uri, authority)?;
    let (before, fragment) = match behind.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (behind, None),
    };
    push_part(&mut uri, before);
    if let Some(fragment) = fragment {
        uri.push('#');
        push_part(&mut uri, fragment);
    }
    Some(uri)
}

fn push_authority(uri: &mut String, authority: &str) -> Option<()> {
    let (user, place) = match authority.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, authority),
    };
    if let Some(user) = user {
        push_name(uri, user, ":")?;
        uri.push('@');
    }
    let is_ip = place.starts_with('[');
    let host_end =
        if is_ip { place.find(']')? + 1 } else { place.find(':').unwrap_or(place.len()) };
    let (host, port) = place.split_at(host_end);
    if is_ip {
        host[1..host.len() - 1].parse::<Ipv6Addr>().ok()?;
        uri.push_str(host);
    } else if host.is_empty() {
        return None;
    } else {
        push_name(uri, host, "")?;
    }
    let digits = if port.is_empty() { "" } else { port.strip_prefix(':')? };
    uri.push_str(port);
    digits.bytes().all(|digit| digit.is_ascii_digit()).then_some(())
}

/// Names in any language are encoded; any other sign that may not stand there makes it none.
fn push_name(uri: &mut String, name: &str, more: &str) -> Option<()> {
    for (at, one) in name.char_indices() {
        if is_plain(one) || more.contains(one) || is_escape(&name[at..]) {
            uri.push(one);
        } else if !one.is_ascii() && one.is_alphanumeric() {
            push_encoded(uri, one);
        } else {
            return None;
        }
    }
    Some(())
}

fn push_part(uri: &mut String, part: &str) {
    for (at, one) in part.char_indices() {
        if is_plain(one) || ":@/?".contains(one) || is_escape(&part[at..]) {
            uri.push(one);
        } else {
            push_encoded(uri, one);
        }
    }
}

/// What stands for itself everywhere: `unreserved` and `sub-delims`.
fn is_plain(one: char) -> bool {
    one.is_ascii_alphanumeric() || "-._~!$&'()*+,;=".contains(one)
}

/// It begins with an escape.
fn is_escape(text: &str) -> bool {
    matches!(text.as_bytes(), [b'%', high, low, ..]
        if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_uri_that_leads_to_the_same_place() {
        let table = [
            ("https://h", Some("https://h")),
            ("http://h:8080/a?b=1&c=(2)#d/?e", Some("http://h:8080/a?b=1&c=(2)#d/?e")),
            ("https://watch.example/?q=]", Some("https://watch.example/?q=%5D")),
            ("https://h/[a]{b}|\\^`\"<>", Some("https://h/%5Ba%5D%7Bb%7D%7C%5C%5E%60%22%3C%3E")),
            ("https://h/a b\r\n\0", Some("https://h/a%20b%0D%0A%00")),
            ("https://h/\u{202e}caf\u{e9}", Some("https://h/%E2%80%AEcaf%C3%A9")),
            // An escape stays one; a percent sign that begins none is made one.
            ("https://h/%41%4?100%", Some("https://h/%41%254?100%25")),
            ("https://h?a#b#c", Some("https://h?a#b%23c")),
            ("https://b\u{fc}cher.example/", Some("https://b%C3%BCcher.example/")),
            ("https://me:pw@h/", Some("https://me:pw@h/")),
            ("https://[2001:db8::1]:443/", Some("https://[2001:db8::1]:443/")),
            ("https://h:/", Some("https://h:/")),
        ];
        for (given, expected) in table {
            assert_eq!(of_web(given).as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn what_programs_read_in_more_than_one_way_is_none() {
        let table = [
            "",
            "https://",
            "https:///a",
            "https://:80/",
            "https://h:80a/",
            "https://h:80:90/",
            "https://good.example\\@evil.example/",
            "https://good.example @evil.example/",
            "https://a@b@h/",
            "https://h\u{202e}/",
            "https://h]/",
            "https://[h]/",
            "https://[::1/",
            "https://[::1]x/",
            "https://%4/",
            "HTTPS://h/",
            " https://h/",
            "javascript:alert(1)//https://h/",
            "ftp://h/",
        ];
        for given in table {
            assert_eq!(of_web(given), None, "{given:?}");
        }
    }
}
