//! The beginning that the path of a URL must have.
//!
//! Promise: `/api` holds `/api` and what is beneath it, not `/apis`; and no spelling by which a
//! server could be led out of it again (dots, separators or parameters that are percent-encoded,
//! once or twice) is taken for being beneath.

use std::fmt;

/// A path, or its beginning up to the end of a segment. The default is `/`: every path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathPrefix {
    /// Decoded, without empty ones.
    segments: Vec<String>,
}

/// Why a path is not compared, or a beginning is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    #[error("expected a path that begins with `/`")]
    Relative,
    #[error("the path has a separator or dots in percent-encoding, which servers read differently")]
    Odd,
}

impl PathPrefix {
    /// The prefix that a manifest writes as `/services`, `/services/`, or `/` for all.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        Ok(Self { segments: segments(text)? })
    }

    /// Whether `path` is this one or beneath it. `Err` where servers may disagree; the prefix `/`
    /// holds every path.
    pub fn holds(&self, path: &str) -> Result<bool, PathError> {
        if self.segments.is_empty() {
            return Ok(true);
        }
        Ok(segments(path)?.starts_with(&self.segments))
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

fn segments(path: &str) -> Result<Vec<String>, PathError> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.strip_prefix('/').ok_or(PathError::Relative)?;
    path.split('/').filter(|segment| !segment.is_empty()).map(segment).collect()
}

/// A segment, decoded; never one that leads somewhere else.
fn segment(text: &str) -> Result<String, PathError> {
    let decoded = decoded(text.as_bytes());
    // What a server that decodes twice would make of it.
    let twice = self::decoded(&decoded);
    let is_odd = [&decoded, &twice].into_iter().any(|bytes| {
        let name = bytes.split(|byte| *byte == b';').next().unwrap_or_default();
        matches!(name, b"." | b"..") || bytes.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0))
    });
    let text = String::from_utf8(decoded).map_err(|_| PathError::Odd)?;
    if is_odd { Err(PathError::Odd) } else { Ok(text) }
}

fn decoded(bytes: &[u8]) -> Vec<u8> {
    let digit = |at: usize| {
        bytes
            .get(at)
            .and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|d| u8::try_from(d).ok())
    };
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(high * 16 + low);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment_and_no_spelling_leads_out_of_it() {
        let table = [
            ("/api", "/api", Ok(true)),
            ("/api", "/api/", Ok(true)),
            ("/api/", "/api", Ok(true)),
            ("/api", "/api/v2?x=/y", Ok(true)),
            ("/api", "/%61pi/v2", Ok(true)),
            ("/%61pi", "/api", Ok(true)),
            ("/api", "//api", Ok(true)),
            ("/api", "/apis", Ok(false)),
            ("/api", "/Api", Ok(false)),
            ("/api", "/", Ok(false)),
            ("/api", "/v2/api", Ok(false)),
            ("/api/v2", "/api", Ok(false)),
            ("/api", "/api/../admin", Err(PathError::Odd)),
            ("/api", "/api/%2e%2E/admin", Err(PathError::Odd)),
            ("/api", "/api/%252e%252e/admin", Err(PathError::Odd)),
            ("/api", "/api/..%2fadmin", Err(PathError::Odd)),
            ("/api", "/api/x%2Fy", Err(PathError::Odd)),
            ("/api", "/api/..%5cadmin", Err(PathError::Odd)),
            ("/api", "/api/..;a=b/admin", Err(PathError::Odd)),
            ("/api", "/api/..%3b/admin", Err(PathError::Odd)),
            ("/api", "/api/%00", Err(PathError::Odd)),
            ("/api", "/api/a..b/...", Ok(true)),
            ("/api", "api", Err(PathError::Relative)),
            ("/", "/anything/%2e%2e/x", Ok(true)),
            ("/", "/", Ok(true)),
        ];
        for (prefix, path, expected) in table {
            let prefix = PathPrefix::parse(prefix).unwrap();
            assert_eq!(prefix.holds(path), expected, "{prefix} and {path}");
        }
        assert_eq!(PathPrefix::parse("/a/../b"), Err(PathError::Odd));
        assert_eq!(PathPrefix::parse("a"), Err(PathError::Relative));
        assert_eq!(PathPrefix::parse("//a//b/").unwrap().to_string(), "/a/b");
    }
}
