//! Tables and JSON on stdout.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

/// Prints `value` as one JSON document.
pub(super) fn json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

/// Prints rows in aligned columns under `heads`.
pub(super) fn table<const N: usize>(
    out: &mut dyn Write,
    heads: [&str; N],
    rows: &[[String; N]],
) -> io::Result<()> {
    let rows: Vec<[String; N]> =
        rows.iter().map(|row| row.each_ref().map(|it| plain(it))).collect();
    let width = |at: usize| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([heads[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    for row in std::iter::once(&heads.map(str::to_owned)).chain(&rows) {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// A value of the engine's JSON as a cell of a table, and nothing for null.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The instant in a field that ends in `_ms`, and nothing for null.
pub(super) fn when(value: &Value) -> String {
    value.as_u64().map(instant).unwrap_or_default()
}

/// Prints `name: value` where there is a value.
pub(super) fn field(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    if value.is_empty() { Ok(()) } else { writeln!(out, "{name}: {}", plain(value)) }
}

/// Prints one message as it goes out: type and body.
pub(super) fn message(out: &mut dyn Write, message: &Value) -> io::Result<()> {
    let body = match (message["body"].as_str(), message["body_base64"].as_str()) {
        (Some(body), None) => plain_lines(body),
        (_, Some(bytes)) => format!("(not text; in base64) {}", plain(bytes)),
        (None, None) => String::new(),
    };
    writeln!(out, "{}\n\n{body}\n", plain(&cell(&message["content_type"])))
}

/// `text` without what a terminal acts upon: whoever makes alerts must not steer the terminal of
/// whoever reads them.
pub(super) fn plain(text: &str) -> String {
    escape(text, |_| false)
}

/// As [`plain`], line ends kept.
pub(super) fn plain_lines(text: &str) -> String {
    escape(text, |one| one == '\n')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    // Control characters, and those that turn the direction of writing.
    let acts = |one: char| {
        one.is_control()
            || matches!(one, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut plain, one| {
        if acts(one) && !keep(one) {
            plain.extend(one.escape_unicode());
        } else {
            plain.push(one);
        }
        plain
    })
}

/// An instant, in UTC, as RFC 3339.
pub(super) fn instant(at_ms: u64) -> String {
    i64::try_from(at_ms)
        .ok()
        .and_then(|at| jiff::Timestamp::from_millisecond(at).ok())
        .map_or_else(|| format!("{at_ms} ms"), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_lines_have_no_trailing_blanks() {
        let rows = [["a".into(), "é".into()], ["long".into(), String::new()]];
        let mut out = Vec::new();
        table(&mut out, ["ID", "NAME"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ID    NAME\na     é\nlong\n");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_acts_upon() {
        let table = [
            ("plain é 雪", "plain é 雪"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\r", "a\\u{a}b\\u{d}"),
            ("\u{9b}2J", "\\u{9b}2J"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected, "{text:?}");
        }
        assert_eq!(plain_lines("a\nb\t"), "a\nb\\u{9}");
    }

    #[test]
    fn instants_are_told_in_utc() {
        assert_eq!(instant(1_790_000_000_123), "2026-09-21T14:13:20.123Z");
        assert_eq!(instant(u64::MAX), "18446744073709551615 ms");
    }
}
