//! Fail2Ban's own encoding: Python's pickle.
//!
//! Promise: what is written is a list of texts and nothing else. What is read becomes plain values:
//! classes stay names, objects stay a name with arguments, and nothing is resolved, called or looked
//! up. Work and memory are bounded by the bytes that came: a value that refers to itself, or that
//! unfolds into more than the bounds, is refused.
//!
//! Source: Python's `pickletools.py`, protocols 0 to 5.

mod machine;

use std::rc::Rc;

/// Longest pickle that is read.
pub const PICKLE_BYTES_MAX: usize = 1 << 20;
/// Deepest nesting of a value.
pub const DEPTH_MAX: usize = 32;
/// Values in one pickle, those in others included, once everything is unfolded.
pub const VALUES_MAX: usize = 1 << 17;

/// A plain value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    /// Larger ones are refused.
    Int(i64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// The name of a class or function, which is nothing but that here.
    Class(Rc<str>),
    /// What a class would be called with to make the object; its state is left out.
    Object(Rc<str>, Box<Value>),
}

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            // A text of a class of its own, as Fail2Ban has them for addresses.
            Self::Object(class, arguments) if &**class == "builtins.str" => {
                arguments.items().first()?.as_text()
            }
            _ => None,
        }
    }

    /// Of a list or a tuple; nothing of any other.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::List(items) | Self::Tuple(items) => items,
            _ => &[],
        }
    }
}

/// Why bytes are no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PickleError {
    #[error("it holds more than is read of an answer")]
    Large,
    #[error("it is nested more than {DEPTH_MAX} deep")]
    Deep,
    #[error("it is not what Python writes: {0}")]
    Malformed(&'static str),
}

/// A list of texts, in protocol 2.
pub fn write(words: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0x80, 2, b']', b'('];
    for word in words {
        let Ok(length) = u32::try_from(word.len()) else { continue };
        bytes.push(b'X');
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(word.as_bytes());
    }
    bytes.extend_from_slice(b"e.");
    bytes
}

/// The one value in `bytes`.
pub fn read(bytes: &[u8]) -> Result<Value, PickleError> {
    if bytes.len() > PICKLE_BYTES_MAX {
        return Err(PickleError::Large);
    }
    machine::run(bytes)
}

#[cfg(test)]
mod tests;
