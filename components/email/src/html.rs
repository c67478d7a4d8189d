//! A mail as HTML, for mail programs: no script, nothing that is fetched, and one rule of style,
//! without which all can be read too.
//!
//! Promise: nothing that came with an alert is markup in it, and only its own `link`, http or https,
//! is a link. Where colors are set, text and ground are set together; everything else has those of
//! the mail program, so that it can be read on light and on dark.

use campanile_guest::{Action, Alert, Severity, color, plain, story};

use crate::content::{Content, Told, shortened};

/// What an alert's own text may take here; the text part has all of it. Programs cut a mail at about
/// 100 KiB.
const TEXT_CHARS_MAX: usize = 10_000;
const VALUE_CHARS_MAX: usize = 2000;

/// Of all alerts together, in bytes: from here on an alert is told in one line.
const FULL_BYTES_MAX: usize = 64 << 10;

/// A longer address is left out.
const LINK_BYTES_MAX: usize = 2000;

const PAGE: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;\
                    font-size:15px;line-height:1.5";
/// As far from white as from black.
const GRAY: &str = "#757575";
/// The same where the ground is dark, and dark gray in most programs.
const GRAY_ON_DARK: &str = "#8a8a8a";

/// The shared red is too light for white letters.
const RED: &str = "#C0392B";

/// `is_alone`: there is no text part that has the rest, so nothing is cut.
pub(crate) fn body(content: &Content<'_>, title: &str, is_alone: bool) -> String {
    let mut html = String::with_capacity(1024 + 4096 * content.alerts.len());
    html.extend([
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"supported-color-schemes\" content=\"light dark\">\n\
         <style>@media (prefers-color-scheme:dark){.gray{color:",
        GRAY_ON_DARK,
        " !important}}</style>\n<title>",
    ]);
    push_escaped(&mut html, title);
    html.extend([
        "</title>\n</head>\n<body style=\"margin:0;padding:0\">\n<div style=\"",
        PAGE,
        ";max-width:640px;margin:0 auto;padding:12px\">\n",
    ]);
    for line in &content.preamble {
        html.push_str("<p style=\"margin:0 0 8px\">");
        push_escaped(&mut html, line);
        html.push_str("</p>\n");
    }
    for told in &content.alerts {
        push_card(&mut html, told, is_alone);
    }
    html.extend(["<p class=\"gray\" style=\"margin:0;font-size:12px;color:", GRAY, "\">"]);
    push_escaped(&mut html, &content.origin);
    if let Some(link) = content.instance_link.and_then(address) {
        html.extend([" &middot; <a class=\"gray\" href=\"", &link]);
        html.extend(["\" style=\"color:", GRAY, "\">Open</a>"]);
    }
    html.push_str("</p>\n</div>\n</body>\n</html>\n");
    html
}

fn push_card(html: &mut String, told: &Told<'_>, is_alone: bool) {
    let (ground, ink) = (ground(told.alert), ink(told.alert));
    let is_full = is_alone || html.len() < FULL_BYTES_MAX;
    html.extend([
        "<div style=\"margin:0 0 16px;border:1px solid ",
        &ground,
        ";border-radius:6px;overflow:hidden\">\n<div style=\"background-color:",
        &ground,
        ";color:",
        ink,
        ";padding:10px 14px;font-size:19px;font-weight:bold;line-height:1.3;\
         overflow-wrap:anywhere;word-break:break-word\">",
    ]);
    push_escaped(html, &shortened(&told.headline, VALUE_CHARS_MAX));
    html.push_str("</div>\n<div style=\"padding:10px 14px\">\n");
    if let Some(over) = &told.over {
        html.push_str("<p style=\"margin:0 0 10px;font-weight:bold\">");
        push_escaped(html, over);
        html.push_str("</p>\n");
    }
    if is_full {
        push_details(html, told, is_alone);
    } else {
        html.push_str("<p style=\"margin:0\">");
        push_escaped(html, &story::when(told.alert));
        html.push_str("; the rest is in the plain text of this mail.</p>\n");
    }
    if let Some(link) = told.alert.link.as_deref().and_then(address) {
        html.extend([
            "<p style=\"margin:12px 0 4px\"><a href=\"",
            &link,
            "\" style=\"display:inline-block;background-color:",
            &ground,
            ";color:",
            ink,
            ";padding:8px 16px;border-radius:4px;text-decoration:none;font-weight:bold\">\
             Open the alert</a></p>\n",
        ]);
    }
    html.push_str("</div>\n</div>\n");
}

fn push_details(html: &mut String, told: &Told<'_>, is_alone: bool) {
    let max = |max| if is_alone { usize::MAX } else { max };
    if let Some(words) = &told.text {
        html.push_str("<p style=\"margin:0 0 10px;white-space:pre-wrap;overflow-wrap:anywhere;word-break:break-word\">");
        push_lines(html, &shortened(words, max(TEXT_CHARS_MAX)));
        html.push_str("</p>\n");
    }
    // A table has no font of what is around it in some programs.
    html.extend([
        "<table role=\"presentation\" cellpadding=\"0\" cellspacing=\"0\" \
         style=\"border-collapse:collapse;",
        PAGE,
        "\">\n",
    ]);
    for (name, value) in &told.facts {
        html.extend([
            "<tr><td class=\"gray\" style=\"padding:2px 14px 2px 0;vertical-align:top;color:",
            GRAY,
            "\">",
        ]);
        push_escaped(html, &shortened(name.as_ref(), VALUE_CHARS_MAX));
        html.push_str(
            "</td><td style=\"padding:2px 0;vertical-align:top;overflow-wrap:anywhere;\
             word-break:break-word\">",
        );
        push_lines(html, &shortened(value, max(VALUE_CHARS_MAX)));
        html.push_str("</td></tr>\n");
    }
    html.push_str("</table>\n");
}

fn ground(alert: &Alert) -> String {
    match (alert.action, alert.severity) {
        (Action::Store | Action::Engage, Severity::Critical) => RED.to_owned(),
        (action, severity) => color::hex(action, severity),
    }
}

/// Black or white, whichever stands out more on the alert's color.
fn ink(alert: &Alert) -> &'static str {
    let color = color::of(alert.action, alert.severity);
    let (red, green, blue) = (color >> 16 & 255, color >> 8 & 255, color & 255);
    // Perceived brightness, 0 to 255 (ITU-R BT.601).
    let brightness = (299 * red + 587 * green + 114 * blue) / 1000;
    if brightness > 125 { "#111111" } else { "#ffffff" }
}

/// An address for an attribute, escaped; `None` for what is no web address.
fn address(link: &str) -> Option<String> {
    let is_web = ["https://", "http://"].iter().any(|scheme| {
        link.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    });
    if !is_web || link.len() > LINK_BYTES_MAX {
        return None;
    }
    let mut address = String::with_capacity(link.len());
    for one in link.chars() {
        // What is a control to a reader is U+FFFD here.
        let is_odd = one.is_whitespace() || plain::line(one.encode_utf8(&mut [0; 4])) == "\u{fffd}";
        if is_odd || matches!(one, '"' | '\'' | '<' | '>' | '`' | '\\') {
            for byte in one.encode_utf8(&mut [0; 4]).bytes() {
                address.push_str(&format!("%{byte:02X}"));
            }
        } else {
            push_escaped(&mut address, one.encode_utf8(&mut [0; 4]));
        }
    }
    Some(address)
}

/// Breaks are told twice: some programs drop the style.
fn push_lines(html: &mut String, text: &str) {
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            html.push_str("<br>");
        }
        push_escaped(html, line);
    }
}

fn push_escaped(html: &mut String, text: &str) {
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\'' => "&#39;",
            _ => continue,
        };
        html.push_str(&text[plain..at]);
        html.push_str(escape);
        plain = at + 1;
    }
    html.push_str(&text[plain..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::{alert, context};

    #[test]
    fn what_came_with_an_alert_is_no_markup() {
        let evil = "<img src=x onerror=alert(1)>&amp;\"'</td></title><script>";
        let mut alert = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
        alert.title = evil.into();
        alert.text = evil.into();
        alert.interface_name = Some(evil.into());
        alert.labels = vec![(evil.into(), format!("{evil}!"))];
        alert.annotations = vec![(evil.into(), evil.into())];
        alert.link = Some(format!("https://h/{evil}"));
        let html = body(&Content::of(&[&alert], &context()), evil, false);
        for tag in ["<img", "<script", "&amp;\"", "src=x onerror=alert(1)>"] {
            assert!(!html.contains(tag), "{tag}: {html}");
        }
        assert_eq!(html.matches("</title>").count(), 1);
        assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;&amp;amp;&quot;&#39;"), "{html}");
        for fetched in ["<link", "url(", " src=", "@import"] {
            assert!(!html.replace(" src=x", "").contains(fetched), "{fetched}");
        }
    }

    #[test]
    fn only_a_web_address_is_a_link_and_it_leads_where_it_says() {
        let table = [
            ("https://h/?a=1&b=2", Some("https://h/?a=1&amp;b=2")),
            ("HTTP://h/", Some("HTTP://h/")),
            ("https://h/\"onclick='x'", Some("https://h/%22onclick=%27x%27")),
            ("https://h/a b\r\n\0", Some("https://h/a%20b%0D%0A%00")),
            ("https://h/\u{202e}x", Some("https://h/%E2%80%AEx")),
            ("https://h/caf\u{e9}", Some("https://h/caf\u{e9}")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("//h/", None),
            ("", None),
        ];
        for (link, expected) in table {
            assert_eq!(address(link).as_deref(), expected, "{link:?}");
        }
        assert!(address(&format!("https://h/{}", "x".repeat(1990))).is_some());
        assert!(address(&format!("https://h/{}", "x".repeat(1991))).is_none());
    }

    #[test]
    fn letters_stand_out_on_every_color() {
        use Severity::{Alert, Critical, Debug, Emergency, Error, Info, None, Notice, Warning};
        let all = [None, Debug, Info, Notice, Warning, Error, Critical, Alert, Emergency];
        let mut alert = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
        for (action, severity) in
            all.into_iter().flat_map(|one| [(Action::Engage, one), (Action::Release, one)])
        {
            (alert.action, alert.severity) = (action, severity);
            let (ground, ink) = (luminance(&ground(&alert)), luminance(ink(&alert)));
            let contrast = (ground.max(ink) + 0.05) / (ground.min(ink) + 0.05);
            assert!(contrast >= 4.5, "{action:?} {severity:?}: {contrast}");
        }
    }

    /// As WCAG 2 has it.
    fn luminance(color: &str) -> f64 {
        let part = |at: usize| {
            let level = u8::from_str_radix(&color[at..at + 2], 16).expect("hex");
            let level = f64::from(level) / 255.0;
            if level <= 0.04045 { level / 12.92 } else { ((level + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    #[test]
    fn many_long_alerts_stay_below_what_mail_programs_show() {
        let mut alert = alert("01JD8Q5W3V9T6Z0M4K2N7P1R5S");
        alert.text = "<".repeat(20_000);
        let alerts = [&alert; 50];
        let html = body(&Content::of(&alerts, &context()), "x", false);
        assert!(html.len() < 200_000, "{}", html.len());
        assert_eq!(html.matches("overflow:hidden").count(), 50);
        assert!(html.contains("the rest is in the plain text of this mail"));
        assert!(html.contains("&lt;\u{2026}</p>"));
    }
}
