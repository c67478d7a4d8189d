//! Mailboxes: a name for people, and an address for servers.
//!
//! Promise: an address that was read holds no character that could end a command or a header, nor
//! one that stands for another one in either.

/// One mailbox (RFC 5322, 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) name: Option<String>,
    pub(crate) address: String,
}

pub(crate) const EXPECTED: &str =
    "an address, such as soc@example.net or SOC <soc@example.net>, its local part without quotes";

const NAME_CHARS_MAX: usize = 100;

/// RFC 5321, 4.5.3.1.
const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 255;

impl Mailbox {
    /// "soc@example.net", "SOC <soc@example.net>", "\"SOC, Zurich\" <soc@example.net>".
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.contains(char::is_control) {
            return None;
        }
        let Some(rest) = text.strip_suffix('>') else {
            return is_address(text).then(|| Self { name: None, address: text.to_owned() });
        };
        let (name, address) = rest.rsplit_once('<')?;
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(name);
        if !is_address(address) || name.contains(['<', '>']) {
            return None;
        }
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        let is_short = name.as_ref().is_none_or(|it| it.chars().count() <= NAME_CHARS_MAX);
        is_short.then(|| Self { name, address: address.to_owned() })
    }

    /// What stands behind the `@`.
    pub(crate) fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// A dotted local part, and a domain or an address literal. Letters of any language may be in it,
/// which takes a server that offers SMTPUTF8 (RFC 6531).
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    (1..=LOCAL_BYTES_MAX).contains(&local.len())
        && local.split('.').all(|part| !part.is_empty() && part.chars().all(is_of_local))
        && (1..=DOMAIN_BYTES_MAX).contains(&domain.len())
        && (is_domain(domain) || is_literal(domain))
}

/// `atext` (RFC 5322, 3.2.3).
fn is_of_local(one: char) -> bool {
    one.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(one) || is_foreign(one)
}

fn is_domain(domain: &str) -> bool {
    domain.split('.').all(|part| {
        !part.is_empty()
            && !part.starts_with('-')
            && !part.ends_with('-')
            && part.chars().all(|one| one.is_ascii_alphanumeric() || one == '-' || is_foreign(one))
    })
}

/// "[192.0.2.1]", "[IPv6:2001:db8::1]".
fn is_literal(domain: &str) -> bool {
    let inner = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| {
        !inner.is_empty()
            && inner.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | ':'))
    })
}

/// A letter or a mark of another script, and nothing that only looks like none.
fn is_foreign(one: char) -> bool {
    !one.is_ascii()
        && !one.is_whitespace()
        && !matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_is_read_with_or_without_a_name() {
        let long = format!("{}@{}.example", "l".repeat(64), "d".repeat(60));
        let table = [
            ("soc@example.net", None, "soc@example.net"),
            ("SOC <soc@example.net>", Some("SOC"), "soc@example.net"),
            ("\"SOC, Zürich\" <soc@example.net>", Some("SOC, Zürich"), "soc@example.net"),
            ("<soc@example.net>", None, "soc@example.net"),
            ("root@localhost", None, "root@localhost"),
            ("a.b+c=d@[192.0.2.1]", None, "a.b+c=d@[192.0.2.1]"),
            ("a@[IPv6:2001:db8::1]", None, "a@[IPv6:2001:db8::1]"),
            ("jörg@bücher.example", None, "jörg@bücher.example"),
            (long.as_str(), None, long.as_str()),
        ];
        for (text, name, address) in table {
            let expected = Mailbox { name: name.map(str::to_owned), address: address.to_owned() };
            assert_eq!(Mailbox::read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_could_end_a_command_or_a_header_is_no_mailbox() {
        let long_name = format!("{} <a@b>", "n".repeat(101));
        let long_local = format!("{}@b", "l".repeat(65));
        let long_domain = format!("a@{}", "d.".repeat(128));
        let table = [
            "",
            "soc",
            "@example.net",
            "soc@",
            "a@b@c",
            "a b@c",
            ".a@b",
            "a..b@c",
            "a@b..c",
            "a@-b",
            "a@b.",
            "\"a b\"@c",
            "a@b>",
            "a@b> SIZE=1",
            "<a@b",
            "x <a@b> y",
            "x <y> <a@b>",
            "a@b\r\nRCPT TO:<c@d>",
            "x\r\nBcc: y <a@b>",
            "a@b,c@d",
            "a@b;c@d",
            "a(b)@c",
            "a:b@c",
            "a\\b@c",
            "a@[]",
            "a@[1.2.3.4",
            "a@b c",
            "a\u{a0}b@c",
            "a\u{202e}b@c",
            "a\0@b",
            long_name.as_str(),
            long_local.as_str(),
            long_domain.as_str(),
        ];
        for text in table {
            assert_eq!(Mailbox::read(text), None, "{text:?}");
        }
    }
}
