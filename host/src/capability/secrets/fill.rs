//! Puts secrets in the place of placeholders, in requests and on connections.
//!
//! Promise: a placeholder is filled where its secret was declared to go, once in a request, toward
//! where the secret is bound to; anywhere else nothing is sent. No other byte changes.
//!
//! Not here: whether a request may be sent at all (`capability::http`, `capability::egress`).

use std::fmt;

use zeroize::Zeroizing;

use super::Place;
use super::json::strings_at;
use super::keyring::{Keyring, PLACEHOLDER_BYTES, Stand};
use super::login::Login;
use crate::runtime::bindings::http::Filling;

/// A placeholder where it must not be. Tells the setting, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why} (setting `{setting}`, in {place})")]
pub struct Misuse {
    pub setting: String,
    pub why: Why,
    /// `the query`, `header x-note`.
    pub place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Place,
    Again,
    Origin,
    ClearText,
}

impl Why {
    /// A stable machine word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Place | Self::Again => "secret-misuse",
            Self::Origin => "secret-origin",
            Self::ClearText => "secret-clear-text",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Place => "a placeholder stands where its secret must not go",
            Self::Again => "a placeholder stands there a second time in one request",
            Self::Origin => "a placeholder is sent to where its secret is not bound to",
            Self::ClearText => {
                "a placeholder would go over an unencrypted connection, which the operator has not \
                 granted"
            }
        })
    }
}

/// Where something is about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Toward<'a> {
    /// Normal form of the origin or target.
    pub to: &'a str,
    /// It is encrypted, or the operator granted clear text.
    pub is_safe: bool,
}

/// The filling of one request.
#[derive(Debug)]
pub struct Fill<'a> {
    keyring: &'a mut Keyring,
    toward: Toward<'a>,
    used: Vec<usize>,
}

impl<'a> Fill<'a> {
    pub fn new(keyring: &'a mut Keyring, toward: Toward<'a>) -> Self {
        Self { keyring, toward, used: Vec::new() }
    }

    /// Whether there is any secret that may go there.
    pub(in super::super) fn may_fill(&self) -> bool {
        self.keyring.may_fill_toward(self.toward.to)
    }

    /// What stands before the path: no secret may.
    pub(in super::super) fn authority(&mut self, text: &str) -> Result<(), Misuse> {
        let found = self.keyring.find(text.as_bytes()).next();
        found.map_or(Ok(()), |(_, number)| Err(self.misuse(number, Why::Place, "the host name")))
    }

    /// Path and query, `/a/b?c=d`; `None`: there is nothing to fill in.
    pub fn path(&mut self, path: &str) -> Result<Option<Zeroizing<String>>, Misuse> {
        let found: Vec<_> = self.keyring.find(path.as_bytes()).collect();
        if found.is_empty() {
            return Ok(None);
        }
        let query_at = path.find('?').unwrap_or(path.len());
        let (mut filled, mut from) = (Zeroizing::new(String::with_capacity(path.len() + 128)), 0);
        for (at, number) in found {
            let stand = self.keyring.stands[number].clone();
            let end = at + PLACEHOLDER_BYTES;
            let (place, is_allowed) = if at < query_at {
                let is_whole = !matches!(stand, Stand::UrlPath(_)) || at == 1;
                let fits = is_whole && !matches!(stand, Stand::UrlQuery(_));
                let is_meant = |place: &Place, _: &str| *place == Place::Path;
                ("the path".to_owned(), fits && self.keyring.may_stand(&stand, is_meant))
            } else {
                self.in_query(&stand, &path[query_at + 1..], at - query_at - 1)
            };
            self.check(number, is_allowed, &place)?;
            filled.push_str(&path[from..at]);
            let value = self.value(&stand, number, None, &place)?;
            let is_verbatim = matches!(stand, Stand::UrlPath(_) | Stand::UrlQuery(_));
            push_url(&mut filled, &value, is_verbatim);
            from = end;
        }
        filled.push_str(&path[from..]);
        Ok(Some(filled))
    }

    /// The place at `at` in a query, and whether what stands there may.
    fn in_query(&self, stand: &Stand, query: &str, at: usize) -> (String, bool) {
        let end = at + PLACEHOLDER_BYTES;
        let from = query[..at].rfind('&').map_or(0, |at| at + 1);
        let until = query[end..].find('&').map_or(query.len(), |more| end + more);
        if matches!(stand, Stand::UrlQuery(_)) {
            let is_meant = |place: &Place, _: &str| *place == Place::WholeQuery;
            let is_whole = at == 0 && until == end;
            return ("the query".to_owned(), is_whole && self.keyring.may_stand(stand, is_meant));
        }
        let pair = &query[from..until];
        let name = pair.split('=').next().unwrap_or_default();
        let is_whole = from + name.len() + 1 == at && until == end;
        let is_meant =
            |place: &Place, _: &str| matches!(place, Place::Query(wanted) if name == wanted);
        let is_allowed = is_whole
            && !matches!(stand, Stand::UrlPath(_))
            && self.keyring.may_stand(stand, is_meant);
        ("the query".to_owned(), is_allowed)
    }

    /// A header's value; `None`: there is nothing to fill in. `body`: as it is sent, before gzip.
    pub fn header(
        &mut self,
        name: &str,
        value: &str,
        body: &[u8],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Misuse> {
        let in_name = self.keyring.find(name.as_bytes()).next();
        if let Some((_, number)) = in_name {
            return Err(self.misuse(number, Why::Place, "a header's name"));
        }
        let found: Vec<_> = self.keyring.find(value.as_bytes()).collect();
        if found.is_empty() {
            return Ok(None);
        }
        let (mut filled, mut from) = (Zeroizing::new(Vec::with_capacity(value.len() + 128)), 0);
        let place = format!("header {name}");
        for (at, number) in found {
            let stand = self.keyring.stands[number].clone();
            let end = at + PLACEHOLDER_BYTES;
            let is_meant = |place: &Place, setting: &str| match place {
                Place::Header(wanted) => name.eq_ignore_ascii_case(wanted),
                Place::OwnHeader => {
                    let own = setting.split_once('.').map_or("", |(_, own)| own);
                    name.eq_ignore_ascii_case(own)
                }
                _ => false,
            };
            let stands_apart = !value[..at].ends_with(|one: char| one.is_ascii_alphanumeric())
                && !value[end..].starts_with(|one: char| one.is_ascii_alphanumeric());
            let is_allowed = stands_apart && self.keyring.may_stand(&stand, is_meant);
            self.check(number, is_allowed, &place)?;
            filled.extend_from_slice(&value.as_bytes()[from..at]);
            filled.extend_from_slice(&self.value(&stand, number, Some(body), &place)?);
            from = end;
        }
        filled.extend_from_slice(&value.as_bytes()[from..]);
        Ok(Some(filled))
    }

    /// A body; `None`: there is nothing to fill in. Whoever reads it must read it as we do, or a
    /// secret becomes part of a text: so the request has to say what its body is.
    pub fn body(
        &mut self,
        body: &[u8],
        filling: Filling,
        headers: &[(String, String)],
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Misuse> {
        let (filled, name) = match filling {
            Filling::None => return Ok(None),
            Filling::Json => (self.json(body)?, "JSON"),
            Filling::Form => (self.form(body)?, "a form"),
        };
        if filled.is_some() && !is_said_to_be(headers, filling) {
            let place = format!("a body whose `content-type` is not that of {name}");
            // It was filled last.
            let number = self.used.last().copied().unwrap_or_default();
            return Err(self.misuse(number, Why::Place, &place));
        }
        Ok(filled)
    }

    fn json(&mut self, body: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Misuse> {
        let found: Vec<_> = self.keyring.find(body).collect();
        let Some((_, first)) = found.first().copied() else { return Ok(None) };
        let positions: Vec<_> = found.iter().map(|(at, _)| *at).collect();
        let Some(strings) = strings_at(body, &positions) else {
            return Err(self.misuse(first, Why::Place, "a body that is no JSON"));
        };
        let (mut filled, mut from) = (Zeroizing::new(Vec::with_capacity(body.len() + 128)), 0);
        for (at, number) in found {
            let stand = self.keyring.stands[number].clone();
            let string = strings.iter().find(|one| (one.start..one.end).contains(&at));
            let is_whole =
                string.is_some_and(|one| one.start == at && one.end == at + PLACEHOLDER_BYTES);
            let pointer = string.and_then(|one| one.pointer.as_deref());
            let is_meant = |place: &Place, _: &str| matches!((place, pointer), (Place::Json(wanted), Some(found)) if wanted == found);
            let is_allowed = is_whole && self.keyring.may_stand(&stand, is_meant);
            self.check(number, is_allowed, "the body")?;
            filled.extend_from_slice(&body[from..at]);
            let value = self.value(&stand, number, None, "the body")?;
            push_json(&mut filled, &value);
            from = at + PLACEHOLDER_BYTES;
        }
        filled.extend_from_slice(&body[from..]);
        Ok(Some(filled))
    }

    fn form(&mut self, body: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, Misuse> {
        let found: Vec<_> = self.keyring.find(body).collect();
        if found.is_empty() {
            return Ok(None);
        }
        let (mut filled, mut from) = (Zeroizing::new(Vec::with_capacity(body.len() + 128)), 0);
        for (at, number) in found {
            let stand = self.keyring.stands[number].clone();
            let end = at + PLACEHOLDER_BYTES;
            let start = body[..at].iter().rposition(|one| *one == b'&').map_or(0, |at| at + 1);
            let name = body[start..at].strip_suffix(b"=").unwrap_or_default();
            let is_whole =
                body[start..at].ends_with(b"=") && body.get(end).is_none_or(|one| *one == b'&');
            let name = String::from_utf8_lossy(name);
            let is_meant =
                |place: &Place, _: &str| matches!(place, Place::Form(wanted) if name == *wanted);
            let is_allowed = is_whole && self.keyring.may_stand(&stand, is_meant);
            self.check(number, is_allowed, "the body")?;
            filled.extend_from_slice(&body[from..at]);
            let value = self.value(&stand, number, None, "the body")?;
            let mut text = Zeroizing::new(String::new());
            push_url(&mut text, &value, false);
            filled.extend_from_slice(text.as_bytes());
            from = end;
        }
        filled.extend_from_slice(&body[from..]);
        Ok(Some(filled))
    }

    /// What is written on a connection; `None`: there is nothing to fill in. `login`: of this
    /// connection; it has to be told all that is written.
    pub(in super::super) fn connection(
        &mut self,
        bytes: &[u8],
        login: &mut Login,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Misuse> {
        let found: Vec<_> = self.keyring.find(bytes).collect();
        let spans: Vec<_> = found.iter().map(|(at, _)| (*at, at + PLACEHOLDER_BYTES)).collect();
        let is_login = login.write(bytes, &spans);
        if found.is_empty() {
            return Ok(None);
        }
        let (mut filled, mut from) = (Zeroizing::new(Vec::with_capacity(bytes.len() + 128)), 0);
        for (at, number) in found {
            let stand = self.keyring.stands[number].clone();
            let is_meant = |place: &Place, _: &str| *place == Place::Sasl;
            let is_allowed = is_login && self.keyring.may_stand(&stand, is_meant);
            self.check(number, is_allowed, "a connection")?;
            filled.extend_from_slice(&bytes[from..at]);
            let value = self.value(&stand, number, None, "a connection")?;
            // It is one line, whatever it holds.
            if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                return Err(self.misuse(number, Why::Place, "a connection"));
            }
            filled.extend_from_slice(&value);
            from = at + PLACEHOLDER_BYTES;
        }
        filled.extend_from_slice(&bytes[from..]);
        Ok(Some(filled))
    }

    fn check(&mut self, number: usize, is_allowed: bool, place: &str) -> Result<(), Misuse> {
        let stand = &self.keyring.stands[number];
        let why = if !self.keyring.is_bound_to(stand, self.toward.to) {
            Why::Origin
        } else if !is_allowed {
            Why::Place
        } else if self.used.contains(&number) {
            Why::Again
        } else if !self.toward.is_safe {
            Why::ClearText
        } else {
            self.used.push(number);
            return Ok(());
        };
        Err(self.misuse(number, why, place))
    }

    fn value(
        &mut self,
        stand: &Stand,
        number: usize,
        body: Option<&[u8]>,
        place: &str,
    ) -> Result<Zeroizing<Vec<u8>>, Misuse> {
        // A signature over the body cannot stand in it.
        let value = self.keyring.value(stand, body);
        value.ok_or_else(|| self.misuse(number, Why::Place, place))
    }

    fn misuse(&mut self, number: usize, why: Why, place: &str) -> Misuse {
        let setting = self.keyring.setting(&self.keyring.stands[number]);
        let misuse = Misuse { setting, why, place: place.to_owned() };
        self.keyring.misused(&misuse);
        misuse
    }
}

/// Whether the one `content-type` among the headers is that of what is filled, in UTF-8.
fn is_said_to_be(headers: &[(String, String)], filling: Filling) -> bool {
    let mut said = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let (Some((_, value)), None) = (said.next(), said.next()) else { return false };
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let sort = parts.next().unwrap_or_default();
    let is_meant = match filling {
        Filling::None => false,
        Filling::Json => {
            matches!(sort.as_str(), "application/json" | "application/x-ndjson")
                || sort.starts_with("application/") && sort.ends_with("+json")
        }
        Filling::Form => sort == "application/x-www-form-urlencoded",
    };
    let is_utf8 = |part: String| match part.strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    };
    is_meant && parts.all(is_utf8)
}

/// Appends a value to a URL or a form: all but unreserved characters as percent escapes, or as it
/// stands, where it was taken from a URL.
fn push_url(to: &mut String, value: &[u8], is_verbatim: bool) {
    for &byte in value {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || is_verbatim;
        if is_plain && byte.is_ascii() {
            to.push(char::from(byte));
        } else {
            let digit = |digit: u8| char::from(b"0123456789ABCDEF"[usize::from(digit)]);
            to.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Appends a value to the inside of a JSON string.
fn push_json(to: &mut Vec<u8>, value: &[u8]) {
    let text = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
    let quoted = Zeroizing::new(serde_json::Value::from(text.as_str()).to_string());
    to.extend_from_slice(&quoted.as_bytes()[1..quoted.len() - 1]);
}

#[cfg(test)]
mod tests;
