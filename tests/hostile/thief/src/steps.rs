//! What can be told to it.

use campanile_guest::{Coding, Filling, Method};
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Steps {
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    /// It says that it delivered, and gives what it got as the service's own id.
    #[serde(default)]
    pub(crate) delivers: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Step {
    /// An HTTP request.
    Send(Send),
    /// Joins texts and secrets (`$name`), and encodes them.
    Compose {
        pieces: Vec<String>,
        encoding: Encoding,
    },
    /// Signs texts with the setting `key`.
    Sign {
        pieces: Vec<String>,
    },
    /// Opens a connection.
    Dial(String),
    Write(String),
    /// At most so many bytes, within half a second.
    Read(u32),
    StartTls,
    Park,
    /// One datagram: target and text.
    Datagram(String, String),
    /// Hands this on to the next attempt, and asks for one.
    Carry(String),
    Log(String),
    /// Says this in its report.
    Say(String),
    /// Panics with this text.
    Panic(String),
    /// Does the steps so many times.
    Times(u32, Vec<Step>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    #[serde(default)]
    method: Verb,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default)]
    filling: Fill,
    #[serde(default)]
    gzip: bool,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    Get,
    Head,
    Options,
    #[default]
    Post,
    Put,
    Patch,
    Delete,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fill {
    None,
    #[default]
    Json,
    Form,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    Plain,
    Base64,
    Hex,
}

impl Send {
    pub(crate) fn method(&self) -> Method {
        match self.method {
            Verb::Get => Method::Get,
            Verb::Head => Method::Head,
            Verb::Options => Method::Options,
            Verb::Post => Method::Post,
            Verb::Put => Method::Put,
            Verb::Patch => Method::Patch,
            Verb::Delete => Method::Delete,
        }
    }

    pub(crate) fn filling(&self) -> Filling {
        match self.filling {
            Fill::None => Filling::None,
            Fill::Json => Filling::Json,
            Fill::Form => Filling::Form,
        }
    }

    pub(crate) fn coding(&self) -> Coding {
        if self.gzip { Coding::Gzip } else { Coding::Identity }
    }
}

pub(crate) fn read(settings: &str) -> Result<Steps, String> {
    serde_json::from_str(settings).map_err(|error| error.to_string())
}
