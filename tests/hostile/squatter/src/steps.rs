//! What can be told to it, and how it does that.

use std::fmt::Debug;

use campanile_guest::files;
use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
struct Steps {
    #[serde(default)]
    steps: Vec<Step>,
}

/// Folder, name, and what else it takes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Step {
    Read(String, String),
    Append(String, String, String),
    /// So many bytes, in so many calls.
    Fill(String, String, usize, usize),
    /// So many files of one byte.
    Litter(String, usize),
    Size(String, String),
    Rename(String, String, String),
    Remove(String, String),
    Names(String),
}

/// What came of each step, in order.
pub(crate) fn take(settings: &str) -> String {
    let steps: Steps = match serde_json::from_str(settings) {
        Ok(steps) => steps,
        Err(error) => return error.to_string(),
    };
    let told: Vec<_> = steps.steps.iter().map(step).collect();
    told.join("; ")
}

fn step(step: &Step) -> String {
    match step {
        Step::Read(folder, name) => match files::read(folder, name) {
            Ok(bytes) => format!("read {}", String::from_utf8_lossy(&bytes)),
            Err(error) => format!("{error:?}"),
        },
        Step::Append(folder, name, text) => told(files::append(folder, name, text.as_bytes())),
        Step::Fill(folder, name, bytes, times) => {
            let block = vec![b'x'; *bytes];
            last((0..*times).map(|_| files::append(folder, name, &block)))
        }
        Step::Litter(folder, count) => {
            last((0..*count).map(|at| files::append(folder, &format!("litter-{at}"), b"x")))
        }
        Step::Size(folder, name) => told(files::size(folder, name)),
        Step::Rename(folder, old, new) => told(files::rename(folder, old, new)),
        Step::Remove(folder, name) => told(files::remove(folder, name)),
        Step::Names(folder) => told(files::names(folder)),
    }
}

fn told<T: Debug, E: Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(done) => format!("did {done:?}"),
        Err(error) => format!("{error:?}"),
    }
}

/// Goes on until it is refused, and tells how often it was not.
fn last<E: Debug>(results: impl Iterator<Item = Result<u64, E>>) -> String {
    let mut done = 0;
    for result in results {
        if let Err(error) = result {
            return format!("did {done}, then {error:?}");
        }
        done += 1;
    }
    format!("did {done}")
}
