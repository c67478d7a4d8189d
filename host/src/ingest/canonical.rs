//! One spelling for what can be written in several ways.

use std::net::IpAddr;

/// An address as the standard library writes it; IPv4 inside IPv6 comes out as IPv4, so that one
/// host has one address. `None` for anything else, a zone or a prefix length included.
pub(super) fn ip(text: &str) -> Option<String> {
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical().to_string())
}

/// A MAC address in lower case with colons; it may come with hyphens.
pub(super) fn mac(text: &str) -> Option<String> {
    let (first, separator) = (text.as_bytes(), text.as_bytes().get(2)?);
    let whole = first.len() == 17
        && matches!(separator, b':' | b'-')
        && first.iter().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == separator,
            _ => byte.is_ascii_hexdigit(),
        });
    whole.then(|| text.replace('-', ":").to_ascii_lowercase())
}

/// A two-letter code of a country or a continent, in upper case.
pub(super) fn two_letters(text: &str) -> Option<String> {
    let whole = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    whole.then(|| text.to_ascii_uppercase())
}

/// A page's address, http or https, of at most 2,048 bytes as a browser would write it.
pub(super) fn link(text: &str) -> Option<String> {
    // The URL parser skips blanks and control characters, which a reader would not see.
    if text.chars().any(|one| one.is_whitespace() || one.is_control()) {
        return None;
    }
    let url = url::Url::parse(text).ok()?;
    let page = matches!(url.scheme(), "http" | "https") && url.has_host();
    (page && url.as_str().len() <= 2048).then(|| url.into())
}

/// A machine name made of a human one, at most 64 bytes: `Disk full on db-1` gives
/// `disk_full_on_db_1`. Never empty.
pub(super) fn slug(text: &str) -> String {
    let mut name = String::with_capacity(text.len().min(64));
    let mut gap = false;
    for one in text.chars().flat_map(char::to_lowercase) {
        if !one.is_alphanumeric() {
            gap = !name.is_empty();
            continue;
        }
        if name.len() + usize::from(gap) + one.len_utf8() > 64 {
            break;
        }
        if std::mem::take(&mut gap) {
            name.push('_');
        }
        name.push(one);
    }
    if name.is_empty() { "alert".into() } else { name }
}

/// The beginning of `text`, at most `bytes` long, whole characters only.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let table = [
            ("192.168.1.29", Some("192.168.1.29")),
            ("2001:DB8:0:0::1", Some("2001:db8::1")),
            ("::ffff:10.0.0.1", Some("10.0.0.1")),
            ("::1", Some("::1")),
            ("010.0.0.1", None),
            ("10.0.0", None),
            ("10.0.0.1/32", None),
            ("10.0.0.1@0", None),
            ("fe80::1%eth0", None),
            ("[::1]", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(ip(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_mac_address_has_one_spelling() {
        let table = [
            ("66:77:88:99:AA:BB", Some("66:77:88:99:aa:bb")),
            ("66-77-88-99-aa-bb", Some("66:77:88:99:aa:bb")),
            ("66:77:88-99:AA:BB", None),
            ("66:77:88:99:AA:B", None),
            ("66:77:88:99:AA:BBC", None),
            ("66:77:88:99:AA:ß", None),
            ("667788", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(mac(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_link_is_a_page_on_the_web_or_nothing() {
        let long = format!("https://a.example/{}", "x".repeat(2048));
        let table = [
            ("https://a.example/x?y#z", Some("https://a.example/x?y#z")),
            ("HTTP://A.example", Some("http://a.example/")),
            ("javascript:alert(1)", None),
            ("java\nscript:alert(1)", None),
            ("https://a.exa\tmple/", None),
            (" https://a.example/", None),
            ("file:///etc/passwd", None),
            ("ftp://a.example/", None),
            ("//a.example/", None),
            ("https://", None),
            (long.as_str(), None),
        ];
        for (text, expected) in table {
            assert_eq!(link(text).as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_slug_keeps_letters_and_digits_and_is_never_empty() {
        let long = "ä".repeat(64);
        let table = [
            ("Disk full on db-1", "disk_full_on_db_1"),
            ("  TLS: expired!  ", "tls_expired"),
            ("Überlauf", "überlauf"),
            ("***", "alert"),
            ("", "alert"),
            (long.as_str(), &long[..64]),
        ];
        for (text, expected) in table {
            assert_eq!(slug(text), expected, "{text:?}");
        }
    }
}
