//! Where a secret may stand in what an endpoint sends, and how its value is read.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A place in a request or on a connection, as a manifest writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum Place {
    /// `path`: within a segment of the path; a secret URL's path as a whole.
    Path,
    /// `query`: a secret URL's query as a whole.
    WholeQuery,
    /// `query:NAME`: the value of this parameter.
    Query(String),
    /// `header:NAME`: within this header's value; in lower case.
    Header(String),
    /// `header:*`: within the value of the header that has the secret's own name in an object of
    /// headers, `headers.*`.
    OwnHeader,
    /// `json:/POINTER`: the text at this place of a JSON body (RFC 6901).
    Json(String),
    /// `form:NAME`: the value of this field of a form.
    Form(String),
    /// `sasl`: on a connection, in what `compose` made.
    Sasl,
    /// `key`: it signs, and stands nowhere.
    Key,
}

/// What sort of value a secret is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    #[default]
    Text,
    /// A URL: its origin is shown, its path and its query are each one secret.
    Url,
    /// It signs.
    Key,
}

/// How the text of a signing key becomes its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decoding {
    #[default]
    Raw,
    Base64,
    Hex,
    /// Standard Webhooks, symmetric: `whsec_` and base64 of 24 to 64 bytes.
    Whsec,
    /// Standard Webhooks, Ed25519: `whsk_` and base64 of a seed, or of seed and public key.
    Whsk,
}

/// A text that is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected `path`, `query`, `query:NAME`, `header:NAME`, `header:*`, `json:/POINTER`, \
     `form:NAME`, `sasl` or `key`"
)]
pub struct PlaceError;

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let (sort, name) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
        match (sort, name) {
            ("path", None) => Ok(Self::Path),
            ("query", None) => Ok(Self::WholeQuery),
            ("query", Some(name)) if !name.is_empty() => Ok(Self::Query(name.to_owned())),
            ("header", Some("*")) => Ok(Self::OwnHeader),
            ("header", Some(name)) => hyper::header::HeaderName::from_bytes(name.as_bytes())
                .map(|name| Self::Header(name.as_str().to_owned()))
                .map_err(|_| PlaceError),
            ("json", Some(pointer)) if pointer.starts_with('/') => {
                Ok(Self::Json(pointer.to_owned()))
            }
            ("form", Some(name)) if !name.is_empty() => Ok(Self::Form(name.to_owned())),
            ("sasl", None) => Ok(Self::Sasl),
            ("key", None) => Ok(Self::Key),
            _ => Err(PlaceError),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = PlaceError;

    fn try_from(text: String) -> Result<Self, PlaceError> {
        text.parse()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str("path"),
            Self::WholeQuery => f.write_str("query"),
            Self::Query(name) => write!(f, "query:{name}"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::OwnHeader => f.write_str("header:*"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
            Self::Form(name) => write!(f, "form:{name}"),
            Self::Sasl => f.write_str("sasl"),
            Self::Key => f.write_str("key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_as_it_was_written() {
        let table = [
            "path",
            "query",
            "query:key",
            "header:authorization",
            "header:*",
            "json:/a/b",
            "form:k",
            "sasl",
            "key",
        ];
        for text in table {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        let upper = "header:X-Key".parse::<Place>().unwrap();
        assert_eq!(upper, Place::Header("x-key".to_owned()));
        for text in ["", "body", "header:", "header:a b", "json:a", "query:", "form:", "sasl:x"] {
            assert_eq!(text.parse::<Place>(), Err(PlaceError), "{text}");
        }
    }
}
