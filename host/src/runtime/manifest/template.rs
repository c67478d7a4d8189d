//! Origins and targets as a manifest writes them: exact, or with endpoint settings in braces.

use url::Url;

use crate::capability::egress::Origin;

const NAME_BYTES_MAX: usize = 64;
const BRACES: &str =
    "expected each `{` to open the name of a setting (a-z, 0-9, `_`) that `}` ends";
const ORIGIN: &str = "expected `{setting}`, or `https://` or `http://` with host and port alone: \
                      what paths begin with stands in `path`";
const TARGET: &str = "expected `tcp://`, `tls://` or `udp://` with host and port, `unix-dgram:` \
                      with an absolute path or a `{setting}`, or a `{setting}` alone";
const TOKEN_URL: &str = "expected `{setting}`, or a URL that begins with `https://` or `http://`";

/// The name of a setting.
pub(super) fn is_setting(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// What paths of requests begin with.
pub(super) fn is_path_prefix(path: &str) -> bool {
    path.starts_with('/')
        && path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\%{}".contains(&b))
        && !path.split('/').any(|part| part == ".." || part == ".")
}

/// An origin; `Err`: what is expected.
pub(super) fn origin(text: &str) -> Result<(), &'static str> {
    let Some(filled) = filled(text)? else { return Ok(()) };
    let (_, rest) = filled.split_once("://").ok_or(ORIGIN)?;
    let is_alone = !rest.contains(['/', '?', '#', '\\']);
    // A scheme is not a matter of settings: it decides whether what is sent can be read on the way.
    if is_alone && has_scheme(text) && parsed(&filled).is_some() { Ok(()) } else { Err(ORIGIN) }
}

/// A URL, path and query included; `Err`: what is expected.
pub(super) fn url(text: &str) -> Result<(), &'static str> {
    let Some(filled) = filled(text)? else { return Ok(()) };
    let is_whole = has_scheme(text) && !filled.contains('#') && parsed(&filled).is_some();
    if is_whole { Ok(()) } else { Err(TOKEN_URL) }
}

/// A target; `Err`: what is expected.
pub(super) fn target(text: &str) -> Result<(), &'static str> {
    let Some(filled) = filled(text)? else { return Ok(()) };
    let fits = if let Some(path) = text.strip_prefix("unix-dgram:") {
        is_whole_setting(path) || is_path_prefix(path) && path.len() > 1 && !path.ends_with('/')
    } else {
        let scheme = ["tcp://", "tls://", "udp://"].iter().find(|one| text.starts_with(**one));
        scheme.is_some_and(|scheme| {
            let rest = &filled[scheme.len()..];
            let port = rest.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            let is_alone = !rest.contains(['/', '?', '#', '\\']);
            is_alone
                && port.is_some_and(|it| it > 0)
                && parsed(&format!("https://{rest}")).is_some()
        })
    };
    if fits { Ok(()) } else { Err(TARGET) }
}

fn has_scheme(text: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme))
}

fn parsed(url: &str) -> Option<Origin> {
    Url::parse(url).ok().and_then(|url| Origin::of(&url).ok())
}

fn is_whole_setting(text: &str) -> bool {
    text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(is_setting)
}

/// The template with `1`, which is right as a part of a host and as a port, in place of each
/// setting; `None`: it is a setting alone.
fn filled(text: &str) -> Result<Option<String>, &'static str> {
    if is_whole_setting(text) {
        return Ok(None);
    }
    if text.chars().any(|one| one.is_control() || one.is_whitespace()) {
        return Err("expected no blanks and no control characters");
    }
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(BRACES)?;
        if before.contains('}') || !is_setting(name) {
            return Err(BRACES);
        }
        filled.push_str(before);
        filled.push('1');
        rest = after;
    }
    if rest.contains('}') {
        return Err(BRACES);
    }
    filled.push_str(rest);
    Ok(Some(filled))
}
