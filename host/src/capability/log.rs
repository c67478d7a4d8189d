//! What a guest writes: bounded lines, kept with the attempt, that cannot forge a line of ours.

use crate::printable::escape_into;
pub use crate::printable::printable;
use tracing::Level;

/// Longest line kept, in bytes.
const LINE_BYTES_MAX: usize = 4 << 10;

/// One line of a guest's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    pub level: Level,
    /// Control characters are escaped.
    pub text: String,
}

/// Collects the lines of one call up to a count and a size; the rest is counted and forgotten.
#[derive(Debug)]
pub struct GuestLog {
    lines: Vec<LogLine>,
    lines_max: u32,
    bytes_max: usize,
    bytes: usize,
    dropped_count: u64,
}

impl GuestLog {
    pub fn new(lines_max: u32, bytes_max: usize) -> Self {
        Self { lines: Vec::new(), lines_max, bytes_max, bytes: 0, dropped_count: 0 }
    }

    pub fn write(&mut self, level: Level, text: &str) {
        let mut line = String::new();
        let full = self.lines.len() >= self.lines_max as usize;
        let room = LINE_BYTES_MAX.min(self.bytes_max.saturating_sub(self.bytes));
        for character in text.chars() {
            if full || line.len() >= room {
                break;
            }
            escape_into(&mut line, character);
        }
        if line.is_empty() {
            self.dropped_count += 1;
            return;
        }
        self.bytes += line.len();
        self.lines.push(LogLine { level, text: line });
    }

    /// The lines so far, and how many were dropped; both start anew.
    pub fn take(&mut self) -> (Vec<LogLine>, u64) {
        self.bytes = 0;
        (std::mem::take(&mut self.lines), std::mem::take(&mut self.dropped_count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_end_itself_or_color_a_terminal() {
        let table = [
            ("plain", "plain"),
            ("a\nb", "a\\nb"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("\u{202e}gpj.exe", "\\u{202e}gpj.exe"),
            ("grüße ✓", "grüße ✓"),
        ];
        for (text, expected) in table {
            let mut log = GuestLog::new(10, 1 << 10);
            log.write(Level::INFO, text);
            assert_eq!(log.take().0[0].text, expected, "{text:?}");
        }
    }

    #[test]
    fn lines_beyond_count_or_size_are_counted_and_forgotten() {
        let mut log = GuestLog::new(3, 1 << 10);
        for _ in 0..10 {
            log.write(Level::INFO, "line");
        }
        let (lines, dropped) = log.take();
        assert_eq!((lines.len(), dropped), (3, 7));

        let mut log = GuestLog::new(100, 10);
        log.write(Level::INFO, &"x".repeat(1 << 20));
        log.write(Level::INFO, "y");
        let (lines, dropped) = log.take();
        assert_eq!((lines[0].text.len(), lines.len(), dropped), (10, 1, 1));
        log.write(Level::INFO, "z");
        assert_eq!(log.take().0.len(), 1, "each call has its own bounds");
    }

    #[test]
    fn printable_cuts_at_a_character_and_never_inside_an_escape() {
        assert_eq!(printable("aé", 2), "a");
        assert_eq!(printable("a\nb", 2), "a");
        assert_eq!(printable("a\nb", 3), "a\\n");
    }
}
