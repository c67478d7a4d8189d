//! Writes lines to the folder, and finds again what an earlier attempt wrote.
//!
//! Promise: a message is appended in one go, but for the lines that an earlier attempt wrote. Where
//! there was one, and what it wrote cannot be seen, the receipt says so.

use campanile_guest::files::{self, FileError};
use campanile_guest::{Attempt, Certainty, Failure, Finding, Outcome, Proof, Receipt, Verdict};

use crate::answer;
use crate::message::beginning;
use crate::rotation::{self, Turn};
use crate::settings::Settings;

/// The folder, as the manifest names it.
const FOLDER: &str = "alerts";

/// An empty file that a probe makes and removes.
const PROBE: &str = "campanile.probe";

/// Bytes of files that one attempt looks through at most.
const LOOKED_THROUGH_BYTES_MAX: usize = 8 << 20;

/// Appends the lines of a message.
pub(crate) fn write(lines: &[String], settings: &Settings, attempt: &Attempt) -> Outcome {
    match appended(lines, settings, attempt) {
        Ok(receipt) => Outcome::of(Verdict::Delivered(receipt)),
        Err(error) => answer::failure(error).into(),
    }
}

/// Whether the folder is there and takes files. Writes no alert.
pub(crate) fn probe(settings: &Settings) -> Result<Finding, Failure> {
    let names = files::names(FOLDER).map_err(answer::failure)?;
    files::append(FOLDER, PROBE, &[]).map_err(answer::failure)?;
    files::remove(FOLDER, PROBE).map_err(answer::failure)?;
    let own = rotation::own(&names, settings);
    let mut facts = vec![("files".to_owned(), own.len().to_string())];
    if let Some(newest) = own.last() {
        let name = newest.name(&settings.prefix);
        let size = size(newest, settings).map_err(answer::failure)?;
        facts.push(("newest".into(), name));
        facts.push(("bytes".into(), size.to_string()));
    }
    let summary = "the folder is there, and takes files".into();
    Ok(Finding { certainty: Certainty::Proven, summary, facts })
}

fn appended(
    lines: &[String],
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Receipt, FileError> {
    let mut turns = rotation::own(&files::names(FOLDER)?, settings);
    // A first attempt can be one more, after the engine was killed; then what was written stands
    // in the newest file. To read that is little beside getting a line onto the disk.
    let is_first = attempt.number == 1;
    let from = if is_first { turns.len().saturating_sub(1) } else { 0 };
    let earlier = look(lines, &turns[from..], settings, attempt)?;
    let missing: String =
        lines.iter().filter(|line| !earlier.written.contains(line)).map(String::as_str).collect();
    if let Some(name) = earlier.name.filter(|_| missing.is_empty()) {
        // Nothing more, but what is there is on disk then.
        files::append(FOLDER, &name, &[])?;
        return Ok(Receipt { duplicate: true, ..receipt(name, None) });
    }
    let day = day(&attempt.now.utc);
    let newest = turns.last().filter(|turn| turn.day == day).cloned();
    let present = newest.map(|turn| size(&turn, settings).map(|size| (turn, size))).transpose()?;
    let present = present.as_ref().map(|(turn, size)| (turn, *size));
    let turn = rotation::next(day, present, missing.len(), settings);
    let name = turn.name(&settings.prefix);
    // A line that was cut short must not take the next one with it.
    let is_cut = earlier.is_cut && present.is_some_and(|(present, _)| *present == turn);
    let more = if is_cut { format!("\n{missing}") } else { missing };
    files::append(FOLDER, &name, more.as_bytes())?;
    let mut warning = earlier.unseen.filter(|_| !is_first).map(|unseen| {
        format!(
            "an earlier attempt may have written this, and `{unseen}` could not be looked through \
             for it: its lines may be there twice, with the same `delivery_id`"
        )
    });
    if !turns.contains(&turn) {
        turns.push(turn);
        warning = warning.or(keep(&turns, settings));
    }
    Ok(receipt(name, warning))
}

/// 0 for a file that is not there any more.
fn size(turn: &Turn, settings: &Settings) -> Result<u64, FileError> {
    match files::size(FOLDER, &turn.name(&settings.prefix)) {
        Err(FileError::Missing) => Ok(0),
        size => size,
    }
}

fn receipt(name: String, warning: Option<String>) -> Receipt {
    Receipt {
        remote_id: Some(name),
        duplicate: false,
        proof: Proof::Confirmed,
        warning,
        detail: String::new(),
    }
}

/// What is known of earlier attempts at this message.
#[derive(Default)]
struct Earlier<'a> {
    written: Vec<&'a String>,
    /// The file in which the last of those stands.
    name: Option<String>,
    /// The newest file of today does not end at the end of a line.
    is_cut: bool,
    /// A file that may have lines of it, and could not be looked through.
    unseen: Option<String>,
}

/// Looks for the lines in the files since the first attempt, the newest first.
fn look<'a>(
    lines: &'a [String],
    turns: &[Turn],
    settings: &Settings,
    attempt: &Attempt,
) -> Result<Earlier<'a>, FileError> {
    let mut earlier = Earlier::default();
    let mut left = LOOKED_THROUGH_BYTES_MAX;
    let first = day(&attempt.first.utc);
    for (at, turn) in turns.iter().rev().enumerate() {
        if turn.day.as_str() < first || earlier.written.len() == lines.len() {
            break;
        }
        let name = turn.name(&settings.prefix);
        let size = usize::try_from(size(turn, settings)?).unwrap_or(usize::MAX);
        if size > left {
            earlier.unseen.get_or_insert(name);
            break;
        }
        left -= size;
        let file = match files::read(FOLDER, &name) {
            Ok(file) => file,
            // Larger than the engine reads at once.
            Err(FileError::Other(problem)) if problem.code == "too-large" => {
                earlier.unseen.get_or_insert(name);
                continue;
            }
            Err(FileError::Missing) => continue,
            Err(error) => return Err(error),
        };
        if at == 0 && turn.day == day(&attempt.now.utc) {
            earlier.is_cut = file.last().is_some_and(|&last| last != b'\n');
        }
        let mut found = written(lines, &file, &attempt.message_id);
        found.retain(|line| !earlier.written.contains(line));
        if !found.is_empty() {
            earlier.written.extend(found);
            earlier.name.get_or_insert(name);
        }
    }
    Ok(earlier)
}

/// Those of `lines` that stand in a file, whole.
fn written<'a>(lines: &'a [String], file: &[u8], id: &str) -> Vec<&'a String> {
    let beginning = beginning(id);
    let own = file.split_inclusive(|&byte| byte == b'\n');
    let own: Vec<_> = own.filter(|line| line.starts_with(beginning.as_bytes())).collect();
    lines.iter().filter(|line| own.contains(&line.as_bytes())).collect()
}

/// Removes what is not to be kept. Says what could not be removed.
fn keep(turns: &[Turn], settings: &Settings) -> Option<String> {
    let mut warning = None;
    for turn in rotation::surplus(turns, settings) {
        let name = turn.name(&settings.prefix);
        match files::remove(FOLDER, &name) {
            Ok(()) | Err(FileError::Missing) => {}
            Err(error) => {
                let why = match error {
                    FileError::Denied(problem)
                    | FileError::Full(problem)
                    | FileError::Other(problem) => problem.detail,
                    FileError::Missing => String::new(),
                };
                warning.get_or_insert(format!("`{name}` is to go, and was not removed: {why}"));
            }
        }
    }
    warning
}

/// Of a moment as the contract writes it: "2026-11-24".
fn day(utc: &str) -> &str {
    utc.get(..10).unwrap_or(utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_the_same_message_count_as_written() {
        let line = |id: &str, at: u32| format!("{{\"message_id\":\"{id}\",\"at\":{at}}}\n");
        let lines = [line("msg_1", 0), line("msg_1", 1), line("msg_1", 2)];
        let table = [
            (String::new(), vec![]),
            (line("msg_1", 1), vec![1]),
            (lines.concat(), vec![0, 1, 2]),
            // Of another message, of one whose id begins the same, within another line.
            (line("msg_2", 0) + &line("msg_10", 1) + " " + &line("msg_1", 2), vec![]),
            (line("msg_1", 0) + &line("msg_2", 0) + &line("msg_1", 2), vec![0, 2]),
            // Cut short, and followed by another.
            (line("msg_1", 0) + line("msg_1", 1).trim_end(), vec![0]),
            (line("msg_1", 0).trim_end().to_owned() + &line("msg_1", 1), vec![]),
        ];
        for (file, expected) in table {
            let found = written(&lines, file.as_bytes(), "msg_1");
            let expected: Vec<_> = expected.into_iter().map(|at: usize| &lines[at]).collect();
            assert_eq!(found, expected, "{file:?}");
        }
    }
}
