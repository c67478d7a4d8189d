//! What a script prints: how much, its first and last, and its last line.
//!
//! Promise: memory is bounded by what is kept, however much is printed.

use std::collections::VecDeque;

/// Bytes of a last line that can be an order to us.
const LINE_BYTES_MAX: usize = 64;
/// The last line, its break, and the break before it are among so many last bytes.
const WINDOW_BYTES: usize = LINE_BYTES_MAX + 2;
/// Stands before the seconds in the last line of stdout.
const RETRY_AFTER: &[u8] = b"RETRY-AFTER:";

/// Everything a script printed, as far as it is kept.
#[derive(Debug)]
pub(super) struct Output {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    kept_bytes_max: usize,
    bytes: u64,
    line: Line,
}

/// The last line of stdout.
#[derive(Debug, Default)]
struct Line {
    /// Of the line that is being printed, at most one byte more than the longest order.
    bytes: Vec<u8>,
    /// It has its line break, and the next byte begins a new one.
    is_whole: bool,
}

impl Output {
    pub(super) fn new(kept_bytes_max: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            kept_bytes_max,
            bytes: 0,
            line: Line::default(),
        }
    }

    pub(super) fn push_stdout(&mut self, bytes: &[u8]) {
        let mut last = bytes;
        if bytes.len() > WINDOW_BYTES {
            // No line that begins before these counts: it is too long, or not the last.
            self.line = Line { bytes: vec![0; LINE_BYTES_MAX + 1], is_whole: false };
            last = &bytes[bytes.len() - WINDOW_BYTES..];
        }
        for byte in last {
            if self.line.is_whole {
                self.line = Line::default();
            }
            match byte {
                b'\n' => self.line.is_whole = true,
                byte if self.line.bytes.len() <= LINE_BYTES_MAX => self.line.bytes.push(*byte),
                _ => {}
            }
        }
        self.push(bytes);
    }

    pub(super) fn push_stderr(&mut self, bytes: &[u8]) {
        self.push(bytes);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let head_max = self.kept_bytes_max / 2;
        let (first, rest) = bytes.split_at(bytes.len().min(head_max - self.head.len()));
        self.head.extend(first);
        let tail_max = self.kept_bytes_max - head_max;
        let rest = &rest[rest.len().saturating_sub(tail_max)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(tail_max);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// All that was printed, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What is kept, with a note of what is not.
    pub(super) fn kept(&self) -> String {
        let mut kept = String::from_utf8_lossy(&self.head).into_owned();
        let left_out = self.bytes - (self.head.len() + self.tail.len()) as u64;
        let tail: Vec<u8> = self.tail.iter().copied().collect();
        if left_out > 0 {
            kept.push_str(&format!("\n[{left_out} bytes left out]\n"));
            kept.push_str(&String::from_utf8_lossy(&tail));
            return kept;
        }
        let whole = [self.head.as_slice(), &tail].concat();
        String::from_utf8_lossy(&whole).into_owned()
    }

    /// The seconds that the last line of stdout asks to wait.
    pub(super) fn retry_after_s(&self) -> Option<u32> {
        if self.line.bytes.len() > LINE_BYTES_MAX {
            return None;
        }
        let seconds = self.line.bytes.strip_prefix(RETRY_AFTER)?.trim_ascii();
        let is_number = !seconds.is_empty() && seconds.iter().all(u8::is_ascii_digit);
        let seconds = is_number.then(|| str::from_utf8(seconds).ok()).flatten()?;
        // A number beyond all bounds means: long.
        Some(seconds.parse().unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_are_kept_however_it_comes() {
        let text: Vec<u8> = (0..=255).map(|byte| b'a' + byte % 26).collect();
        for step in [1, 3, 7, 100, 256] {
            let mut output = Output::new(20);
            for piece in text.chunks(step) {
                output.push_stderr(piece);
            }
            let first = String::from_utf8_lossy(&text[..10]);
            let last = String::from_utf8_lossy(&text[246..]);
            assert_eq!(output.kept(), format!("{first}\n[236 bytes left out]\n{last}"), "{step}");
            assert_eq!(output.bytes(), 256);
        }
        let mut output = Output::new(4);
        // A character over the edge of both halves is whole.
        output.push_stdout("xüy".as_bytes());
        assert_eq!(output.kept(), "xüy");
    }

    #[test]
    fn the_last_line_of_stdout_can_ask_for_time() {
        let table = [
            ("RETRY-AFTER: 90\n", Some(90)),
            ("RETRY-AFTER:90", Some(90)),
            ("all is\nbusy\nRETRY-AFTER: 7 \r\n", Some(7)),
            ("RETRY-AFTER: 99999999999999999999\n", Some(u32::MAX)),
            ("RETRY-AFTER: 90\nbye\n", None),
            ("RETRY-AFTER: 90\n\n", None),
            ("RETRY-AFTER: -1\n", None),
            ("RETRY-AFTER: 1.5\n", None),
            ("RETRY-AFTER: \n", None),
            ("xRETRY-AFTER: 90\n", None),
            ("retry-after: 90\n", None),
            ("", None),
        ];
        for (text, expected) in table {
            for step in [1, 5, 100] {
                let text = &format!("{}\n{text}", "-".repeat(step * 2));
                let mut output = Output::new(256);
                for piece in text.as_bytes().chunks(step) {
                    output.push_stdout(piece);
                    output.push_stderr(b"noise\n");
                }
                assert_eq!(output.retry_after_s(), expected, "{text:?} by {step}");
            }
        }
        let mut output = Output::new(256);
        output.push_stdout(format!("RETRY-AFTER: {}9", " ".repeat(LINE_BYTES_MAX)).as_bytes());
        assert_eq!(output.retry_after_s(), None);
        output.push_stderr(b"RETRY-AFTER: 9\n");
        assert_eq!(output.retry_after_s(), None, "stderr has no say");
    }
}
