//! Where in a JSON text the strings stand that hold given positions: spans and pointers, without
//! making anything of the text.

use std::fmt::Write as _;

/// A string that holds something that was looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Between the quotes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// RFC 6901; `None`: it is the key of an object.
    pub(super) pointer: Option<String>,
}

/// Depth to which objects and lists are followed.
const DEPTH_MAX: usize = 64;

/// The string around each of `positions`, which rise. `None`: the text is no JSON up to the last of
/// them, or one of them stands in no string.
pub(super) fn strings_at(text: &[u8], positions: &[usize]) -> Option<Vec<Found>> {
    let mut scan = Scan { text, at: 0, stack: Vec::new() };
    let mut found = Vec::with_capacity(positions.len());
    let mut positions = positions.iter().copied().peekable();
    while let Some(&wanted) = positions.peek() {
        let (start, end, is_key) = scan.next_string()?;
        if wanted < start {
            return None;
        }
        if wanted < end {
            let pointer = if is_key { None } else { Some(scan.pointer()?) };
            found.push(Found { start, end, pointer });
            while positions.next_if(|&one| one < end).is_some() {}
        }
    }
    Some(found)
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
    stack: Vec<Level>,
}

enum Level {
    /// The span of the present key, and whether a value is due.
    Object {
        key: (usize, usize),
        value_is_due: bool,
    },
    List {
        index: usize,
    },
}

impl Scan<'_> {
    /// Start and end of the next string, and whether it is a key.
    fn next_string(&mut self) -> Option<(usize, usize, bool)> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => {
                    let (start, end) = (self.at, self.string_end()?);
                    self.at = end + 1;
                    let is_key = match self.stack.last_mut() {
                        Some(Level::Object { key, value_is_due }) if !*value_is_due => {
                            *key = (start, end);
                            true
                        }
                        _ => false,
                    };
                    return Some((start, end, is_key));
                }
                b'{' | b'[' if self.stack.len() == DEPTH_MAX => return None,
                b'{' => self.stack.push(Level::Object { key: (0, 0), value_is_due: false }),
                b'[' => self.stack.push(Level::List { index: 0 }),
                b'}' => {
                    let Level::Object { .. } = self.stack.pop()? else { return None };
                }
                b']' => {
                    let Level::List { .. } = self.stack.pop()? else { return None };
                }
                b':' => match self.stack.last_mut()? {
                    Level::Object { value_is_due, .. } if !*value_is_due => *value_is_due = true,
                    _ => return None,
                },
                b',' => match self.stack.last_mut()? {
                    Level::Object { value_is_due, .. } if *value_is_due => *value_is_due = false,
                    Level::List { index } => *index += 1,
                    Level::Object { .. } => return None,
                },
                // Numbers, words and blanks: whoever reads the body will see what they are.
                b' '
                | b'\t'
                | b'\r'
                | b'\n'
                | b'+'
                | b'-'
                | b'.'
                | b'0'..=b'9'
                | b'a'..=b'z'
                | b'A'..=b'Z' => {}
                _ => return None,
            }
        }
    }

    fn string_end(&self) -> Option<usize> {
        let mut at = self.at;
        loop {
            at += memchr::memchr2(b'"', b'\\', self.text.get(at..)?)?;
            if self.text[at] == b'"' {
                return Some(at);
            }
            at += 2;
        }
    }

    /// Where the value is that was read last.
    fn pointer(&self) -> Option<String> {
        let mut pointer = String::new();
        for level in &self.stack {
            match level {
                Level::Object { key: (start, end), .. } => {
                    let quoted = &self.text[start - 1..=*end];
                    let key: String = serde_json::from_slice(quoted).ok()?;
                    pointer.push('/');
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                // Writing into a string does not fail.
                Level::List { index } => _ = write!(pointer, "/{index}"),
            }
        }
        Some(pointer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(text: &str) -> Option<Vec<Option<String>>> {
        let positions: Vec<_> = text.match_indices("PLC").map(|(at, _)| at).collect();
        let found = strings_at(text.as_bytes(), &positions)?;
        Some(found.into_iter().map(|one| one.pointer).collect())
    }

    #[test]
    fn each_string_has_its_pointer() {
        let at = |pointers: &[&str]| {
            Some(pointers.iter().map(|one| Some((*one).to_owned())).collect::<Vec<_>>())
        };
        let table = [
            (r#"{"a":"PLC"}"#, at(&["/a"])),
            (r#"{"a":{"b/c":["x",{"~":"PLC"}]},"d":"PLC"}"#, at(&["/a/b~1c/1/~0", "/d"])),
            (r#"{"a":1,"b":[null,true,-1.5e9,"PLC"]}"#, at(&["/b/3"])),
            (r#"["PLC"]"#, at(&["/0"])),
            (r#""PLC""#, at(&[""])),
            (r#"{"k\"ey":"\"PLC\\"}"#, at(&["/k\"ey"])),
            (r#"{"\u0061":"PLC"}"#, at(&["/a"])),
            (r#"{"a":"PLC and PLC"}"#, at(&["/a"])),
            (r#"{"PLC":1}"#, Some(vec![None])),
            (r#"{"a":{"a":1},"b":"PLC"}"#, at(&["/b"])),
            // Not in a string, or no JSON.
            (r#"{"a":PLC}"#, None),
            (r#"{"a":"PLC"#, None),
            (r#"{"a"}"PLC""#, at(&[""])),
            (r#"{"a":"x","PLC"#, None),
            (r#"[}"PLC""#, None),
            (r#"{"a":"x"::"PLC"}"#, None),
            (r#"<a>"PLC""#, None),
        ];
        for (text, expected) in table {
            assert_eq!(pointers(text), expected, "{text}");
        }
        let deep = format!("{}\"PLC\"", "[".repeat(DEPTH_MAX + 1));
        assert_eq!(pointers(&deep), None);
    }
}
