//! The parts of a syslog message: what comes before the text, and how values in it are escaped.
//!
//! Source: RFC 5424, section 6; of the older header RFC 3164, section 4.1.
//!
//! Promise: a header is printable US-ASCII, each field within its length, and no value of a
//! parameter ends its element before it is over.
//!
//! Not here: the text itself, and how messages follow each other on a connection (RFC 6587).

use crate::{escape, plain};

pub use crate::cut::short_bytes as shortened;

/// Longest fields, in bytes.
pub const HOSTNAME_MAX: usize = 255;
pub const APP_NAME_MAX: usize = 48;
pub const MSGID_MAX: usize = 32;
/// Of a structured data element's name, and of a parameter's.
pub const SD_NAME_MAX: usize = 32;
/// Of a tag of RFC 3164.
pub const TAG_MAX: usize = 32;

/// Stands before a text that is UTF-8, as section 6.4 asks for.
pub const BOM: &str = "\u{feff}";

/// What a message begins with. A field that is empty is told as `-`, the nil value.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// 0 to 23.
    pub facility: u8,
    /// 0 to 7, as [`crate::Severity::syslog`] has it.
    pub severity: u8,
    /// RFC 3339, with at most six fraction digits and upper case `T` and `Z`.
    pub timestamp: &'a str,
    pub hostname: &'a str,
    pub app_name: &'a str,
    pub procid: &'a str,
    pub msgid: &'a str,
}

impl Header<'_> {
    /// `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID`, without structured data.
    pub fn write(&self) -> String {
        let Self { timestamp, hostname, app_name, procid, msgid, .. } = self;
        let fields =
            [(hostname, HOSTNAME_MAX), (app_name, APP_NAME_MAX), (procid, 128), (msgid, MSGID_MAX)];
        let mut header = format!("{}1 {timestamp}", priority(self.facility, self.severity));
        for (text, bytes_max) in fields {
            header.push(' ');
            header.push_str(&field(text, bytes_max));
        }
        header
    }
}

/// `<PRI>`.
pub fn priority(facility: u8, severity: u8) -> String {
    format!("<{}>", u16::from(facility.min(23)) * 8 + u16::from(severity.min(7)))
}

/// "Nov  4 03:51:00", the time of RFC 3164, of an RFC 3339 time in the zone that it is meant for;
/// `None` for what is none.
pub fn old_timestamp(local: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = local.get(5..7)?.parse::<usize>().ok()?.checked_sub(1)?;
    let day = local.get(8..10)?.parse::<u8>().ok()?;
    Some(format!("{} {day:2} {}", MONTHS.get(month)?, local.get(11..19)?))
}

/// A field of the header: characters that may not stand there become `_`, what is too long is cut.
pub fn field(text: &str, bytes_max: usize) -> String {
    let printable = |one: char| if one.is_ascii_graphic() { one } else { '_' };
    let field: String = text.chars().take(bytes_max).map(printable).collect();
    if field.is_empty() { "-".into() } else { field }
}

/// Whether this may be the name of an element of somebody's own: `name@<enterprise number>`.
pub fn is_private_sd_id(text: &str) -> bool {
    let Some((name, number)) = text.split_once('@') else { return false };
    let is_of_name = |one: u8| one.is_ascii_graphic() && !matches!(one, b'=' | b']' | b'"' | b'@');
    let is_of_number = |one: u8| one.is_ascii_digit() || one == b'.';
    !name.is_empty()
        && name.bytes().all(is_of_name)
        && number.starts_with(|one: char| one.is_ascii_digit())
        && number.bytes().all(is_of_number)
        && text.len() <= SD_NAME_MAX
}

/// Appends ` name="value"`. In the value are no control characters, and it is escaped.
pub fn push_param(to: &mut String, name: &str, value: &str) {
    push_param_within(to, name, value, usize::MAX);
}

/// The same with at most `bytes_max` bytes between the quotes; what is longer ends in an ellipsis,
/// and no escape is split.
pub fn push_param_within(to: &mut String, name: &str, value: &str, bytes_max: usize) {
    to.push(' ');
    to.push_str(name);
    to.push_str("=\"");
    to.push_str(&escaped(&plain::line(value), bytes_max));
    to.push('"');
}

fn escaped(value: &str, bytes_max: usize) -> String {
    escape::within(value, bytes_max, str::len, &mut |near, to| {
        if matches!(near.one, '"' | '\\' | ']') {
            to.push('\\');
        }
        to.push(near.one);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_each_field_within_its_length_and_in_printable_ascii() {
        let header = Header {
            facility: 14,
            severity: 3,
            timestamp: "2026-11-24T02:51:00.000Z",
            hostname: "edge-1.example.net",
            app_name: "campanile",
            procid: "",
            msgid: "ALERT",
        };
        let expected = "<115>1 2026-11-24T02:51:00.000Z edge-1.example.net campanile - ALERT";
        assert_eq!(header.write(), expected);
        let long = "x".repeat(300);
        let table = [
            ("", "-"),
            ("a b\tc\r\nd", "a_b_c__d"),
            ("caf\u{e9} \u{1f514}", "caf___"),
            ("\u{7f}\0", "__"),
        ];
        for (text, expected) in table {
            assert_eq!(field(text, 48), expected, "{text:?}");
        }
        let longest = Header { hostname: &long, app_name: &long, msgid: &long, ..header };
        let written = longest.write();
        let lengths: Vec<_> = written.split(' ').map(str::len).collect();
        assert_eq!(lengths, [6, 24, 255, 48, 1, 32]);
        assert_eq!(priority(23, 7), "<191>");
        assert_eq!(priority(0, 0), "<0>");
        assert_eq!(priority(255, 255), "<191>");
    }

    #[test]
    fn the_time_of_the_older_header_has_a_day_of_two_places_and_no_year() {
        let table = [
            ("2026-11-24T03:51:00.000+01:00", Some("Nov 24 03:51:00")),
            ("2026-01-04T23:59:59.999Z", Some("Jan  4 23:59:59")),
            ("2026-13-04T23:59:59.999Z", None),
            ("2026-00-04T23:59:59.999Z", None),
            ("some day", None),
            ("", None),
        ];
        for (local, expected) in table {
            assert_eq!(old_timestamp(local).as_deref(), expected, "{local:?}");
        }
    }

    #[test]
    fn a_value_cannot_end_its_parameter_or_its_element() {
        let table = [
            ("", ""),
            ("plain = [x", "plain = [x"),
            (r#"say "hi"] \o"#, r#"say \"hi\"\] \\o"#),
            ("a\r\nb\0", "a b\u{fffd}"),
            (r#"\""#, r#"\\\""#),
        ];
        for (value, expected) in table {
            let mut to = String::from("[x@1");
            push_param(&mut to, "a", value);
            assert_eq!(to, format!("[x@1 a=\"{expected}\""), "{value:?}");
        }
        // By bytes, of which an ellipsis has three.
        let table = [
            (3, "\u{2026}"),
            (4, "a\u{2026}"),
            (5, "a\u{2026}"),
            (6, "a\\]\u{2026}"),
            (7, "a\\]\u{e9}bc"),
        ];
        for (bytes_max, expected) in table {
            let mut to = String::new();
            push_param_within(&mut to, "a", "a]\u{e9}bc", bytes_max);
            assert_eq!(to, format!(" a=\"{expected}\""), "{bytes_max}");
        }
    }

    #[test]
    fn an_element_of_ones_own_has_an_enterprise_number() {
        for good in ["alert@32473", "a@0", "my.alert@32473.1"] {
            assert!(is_private_sd_id(good), "{good}");
        }
        let long = format!("{}@1", "x".repeat(31));
        for bad in
            ["", "alert", "@1", "a@", "a@x", "a b@1", "a=@1", "a]@1", "a\"@1", "a@b@1", &long]
        {
            assert!(!is_private_sd_id(bad), "{bad}");
        }
    }
}
