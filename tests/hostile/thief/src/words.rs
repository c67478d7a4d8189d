//! What a text names, and other spellings of it.

use campanile_guest::Message;
use serde_json::{Map, Value};

/// What can be named.
pub(crate) struct Words {
    settings: Map<String, Value>,
    carry: Option<String>,
    body: String,
    /// What the step before gave.
    pub(crate) last: String,
}

impl Words {
    pub(crate) fn new(settings: &str, carry: Option<String>, message: &Message) -> Self {
        Self {
            settings: serde_json::from_str(settings).unwrap_or_default(),
            carry,
            body: String::from_utf8_lossy(&message.body).into_owned(),
            last: String::new(),
        }
    }

    /// The text with what it names in angle brackets; what names nothing stays as it is.
    pub(crate) fn fill(&self, text: &str) -> String {
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once('<') {
            filled += before;
            let named = after.split_once('>').and_then(|(name, after)| {
                let (name, spelling) = name.split_once(':').unwrap_or((name, ""));
                Some((spelled(&self.named(name)?, spelling), after))
            });
            match named {
                Some((word, after)) => {
                    filled += &word;
                    rest = after;
                }
                None => {
                    filled.push('<');
                    rest = after;
                }
            }
        }
        filled + rest
    }

    fn named(&self, name: &str) -> Option<String> {
        match name {
            "carry" => self.carry.clone(),
            "last" => Some(self.last.clone()),
            "body" => Some(self.body.clone()),
            "crlf" => Some("\r\n".into()),
            "escape" => Some("\u{1b}[2J\u{7}".into()),
            name => self.settings.get(name)?.as_str().map(str::to_owned),
        }
    }
}

fn spelled(word: &str, spelling: &str) -> String {
    match spelling {
        "upper" => word.to_ascii_uppercase(),
        "twice" => format!("{word}{word}"),
        "backwards" => word.chars().rev().collect(),
        "first-half" => word[..word.len() / 2].to_owned(),
        "second-half" => word[word.len() / 2..].to_owned(),
        "hex" => word.bytes().map(|byte| format!("{byte:02x}")).collect(),
        "percent" => word.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        "json" => word.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
        "base64" => base64(word.as_bytes()),
        // One of the same store that there is not.
        "guess" => format!("{}77", &word[..word.len().saturating_sub(2)]),
        _ => word.to_owned(),
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let index = bits >> (18 - 6 * at) & 63;
            let is_there = at <= three.len();
            text.push(if is_there { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}
