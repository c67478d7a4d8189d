//! What a failure of the folder means. One `match`, every branch visible.

use campanile_guest::files::FileError;
use campanile_guest::{Delay, Failure, Fault, Reason, Scope};

/// Why something was not written, read or listed.
pub(crate) fn failure(error: FileError) -> Failure {
    let later = |code: String, detail: String| {
        Failure::Unavailable(Delay { after_ms: None, scope: Scope::Endpoint, code, detail })
    };
    match error {
        // No folder, a folder that others may write to, a link or a folder in place of a file.
        FileError::Denied(problem) => Failure::Misconfigured(Fault {
            scope: Scope::Endpoint,
            code: problem.code,
            detail: problem.detail,
        }),
        FileError::Full(problem) => {
            let to_do = "make room, or set `keep_files`, so that the oldest files go";
            later(problem.code, format!("{}; {to_do}", problem.detail))
        }
        FileError::Missing => later("missing".into(), "the file was removed meanwhile".into()),
        // Neither all of it is there nor nothing.
        FileError::Other(problem) if problem.code == "half-done" => {
            Failure::Uncertain(Reason { code: problem.code, detail: problem.detail })
        }
        FileError::Other(problem) if problem.code == "too-many" => {
            let to_do = "take files out of the folder, or set `keep_files`";
            Failure::Misconfigured(Fault {
                scope: Scope::Endpoint,
                code: problem.code,
                detail: format!("{}; {to_do}", problem.detail),
            })
        }
        FileError::Other(problem) => later(problem.code, problem.detail),
    }
}

#[cfg(test)]
mod tests {
    use campanile_guest::files::Problem;

    use super::*;

    #[test]
    fn a_failure_says_who_must_act_and_whether_anything_was_written() {
        let problem = |code: &str| Problem { code: code.into(), detail: "why".into() };
        let table = [
            (FileError::Denied(problem("folder")), "misconfigured folder"),
            (FileError::Denied(problem("shared-folder")), "misconfigured shared-folder"),
            (FileError::Denied(problem("not-a-file")), "misconfigured not-a-file"),
            (FileError::Denied(problem("bytes-out-limit")), "misconfigured bytes-out-limit"),
            (FileError::Full(problem("quota-bytes")), "unavailable quota-bytes"),
            (FileError::Full(problem("quota-files")), "unavailable quota-files"),
            (FileError::Full(problem("disk")), "unavailable disk"),
            (FileError::Missing, "unavailable missing"),
            (FileError::Other(problem("io")), "unavailable io"),
            (FileError::Other(problem("half-done")), "uncertain half-done"),
            (FileError::Other(problem("too-many")), "misconfigured too-many"),
        ];
        for (error, expected) in table {
            let shown = format!("{error:?}");
            let found = match failure(error) {
                Failure::Misconfigured(fault) if fault.scope == Scope::Endpoint => {
                    format!("misconfigured {}", fault.code)
                }
                Failure::Unavailable(delay) if delay.scope == Scope::Endpoint => {
                    format!("unavailable {}", delay.code)
                }
                Failure::Uncertain(reason) => format!("uncertain {}", reason.code),
                other => panic!("{shown}: {other:?}"),
            };
            assert_eq!(found, expected, "{shown}");
        }
    }
}
