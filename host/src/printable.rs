//! Text of others, as it may be shown: whoever wrote it must not steer a terminal or a log.

/// `text` as one printable line of at most `bytes_max` bytes, cut at a character's edge.
pub fn printable(text: &str, bytes_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let before = line.len();
        escape_into(&mut line, character);
        if line.len() > bytes_max {
            line.truncate(before);
            break;
        }
    }
    line
}

pub(crate) fn escape_into(line: &mut String, character: char) {
    let hidden = character.is_control()
        // Direction and line marks that make a terminal show what is not there.
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if hidden {
        line.extend(character.escape_default());
    } else {
        line.push(character);
    }
}
