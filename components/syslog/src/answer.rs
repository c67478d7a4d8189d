//! What an error of the net door means. There are no other answers in this protocol. One `match`,
//! every branch visible.

use campanile_guest::{Delay, Failure, Fault, Outcome, Reason, Scope, net};
use net::{NetError, Problem};

/// What was under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing of the message has left.
    Dial,
    /// Some of it may have.
    Write,
    /// One datagram: all of it has left, or nothing.
    Datagram,
}

/// A name that has no address so often is taken for a wrong one.
const ATTEMPTS_OF_A_NAME: u32 = 4;

/// The peer said that nothing more comes.
pub(crate) fn closed() -> NetError {
    NetError::Broken(Problem {
        code: "closed".into(),
        detail: "the server closed the connection".into(),
    })
}

pub(crate) fn judge(error: NetError, step: Step, number: u32) -> Outcome {
    failure(error, step, number).into()
}

/// `number`: of the attempt, from 1.
pub(crate) fn failure(error: NetError, step: Step, number: u32) -> Failure {
    match (error, step) {
        (NetError::Denied(Problem { code, detail }), _) if code == "bytes-out-limit" => {
            Failure::TooLarge(Reason { code, detail })
        }
        (NetError::Denied(problem), _) => misconfigured(problem),
        (NetError::Untrusted(problem), _) => misconfigured(problem),
        (NetError::Busy(problem), _) => later(Scope::Recipient, problem),
        // It was shortened already, or it cannot be.
        (NetError::TooLarge(bytes_max), _) => Failure::Rejected(Reason {
            code: "too-large".into(),
            detail: format!(
                "a datagram may have {bytes_max} bytes here, and the message cannot be that \
                 short; lower `max_message_bytes`, or use tcp:// or tls://"
            ),
        }),
        (NetError::Unreachable(problem), _) if is_lasting(&problem, number) => {
            misconfigured(problem)
        }
        (NetError::Unreachable(problem), _) => later(Scope::Endpoint, problem),
        (error, Step::Write) => uncertain(error),
        // A server that refuses our certificate says so on the connection that stands already.
        (NetError::Broken(problem), _) if problem.detail.contains("ertificate") => {
            misconfigured(problem)
        }
        (
            NetError::Broken(problem) | NetError::TimedOut(problem) | NetError::Other(problem),
            Step::Dial | Step::Datagram,
        ) => later(Scope::Endpoint, problem),
    }
}

/// Trying again does not help.
fn is_lasting(problem: &Problem, number: u32) -> bool {
    let is_no_name = problem.code == "name" && problem.detail.ends_with("the name has no address");
    // The engine has one code for whatever a socket of this machine says; the number is the
    // kernel's, EACCES.
    let is_forbidden = problem.code == "unsent" && problem.detail.contains("(os error 13)");
    is_forbidden || (is_no_name && number >= ATTEMPTS_OF_A_NAME)
}

fn misconfigured(Problem { code, detail }: Problem) -> Failure {
    Failure::Misconfigured(Fault::new(Scope::Endpoint, code, detail))
}

fn later(scope: Scope, Problem { code, detail }: Problem) -> Failure {
    Failure::Unavailable(Delay { after_ms: None, scope, code, detail })
}

fn uncertain(error: NetError) -> Failure {
    let (code, detail) = match error {
        NetError::Denied(problem)
        | NetError::Busy(problem)
        | NetError::Unreachable(problem)
        | NetError::Untrusted(problem)
        | NetError::Broken(problem)
        | NetError::TimedOut(problem)
        | NetError::Other(problem) => (problem.code, problem.detail),
        NetError::TooLarge(bytes_max) => ("too-large".into(), bytes_max.to_string()),
    };
    let detail = format!("{detail}, in the middle of a message: it may have arrived");
    Failure::Uncertain(Reason { code, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_a_doubt_only_where_something_may_have_left() {
        use Step::{Datagram, Dial, Write};
        let problem =
            |code: &str, detail: &str| Problem { code: code.into(), detail: detail.into() };
        let none = "the name `x` has no address that is known: the name has no address";
        let silent =
            "the name `x` has no address that is known: no name server answered within 5 s";
        let denied = "the datagram could not be sent: Permission denied (os error 13)";
        let refused = "the datagram could not be sent: Connection refused (os error 111)";
        let alert = "the connection broke: received fatal alert: CertificateRequired";
        let broken = || NetError::Broken(problem("broken", "reset"));
        let unreachable = |code: &str, detail: &str| NetError::Unreachable(problem(code, detail));
        let table = [
            (NetError::Denied(problem("target", "")), Dial, 1, "misconfigured target"),
            (NetError::Denied(problem("no-socket", "")), Datagram, 1, "misconfigured no-socket"),
            (
                NetError::Denied(problem("bytes-out-limit", "")),
                Write,
                1,
                "too-large bytes-out-limit",
            ),
            (NetError::Untrusted(problem("certificate", "")), Dial, 1, "misconfigured certificate"),
            (
                NetError::Busy(problem("connections-limit", "")),
                Dial,
                1,
                "unavailable connections-limit",
            ),
            (unreachable("connect", "refused"), Dial, 9, "unavailable connect"),
            (unreachable("name", none), Dial, 3, "unavailable name"),
            (unreachable("name", none), Dial, 4, "misconfigured name"),
            (unreachable("name", none), Datagram, 4, "misconfigured name"),
            (unreachable("name", silent), Dial, 4, "unavailable name"),
            (unreachable("unsent", denied), Datagram, 1, "misconfigured unsent"),
            (unreachable("unsent", refused), Datagram, 1, "unavailable unsent"),
            (closed(), Dial, 1, "unavailable closed"),
            (closed(), Write, 1, "uncertain closed"),
            (broken(), Dial, 1, "unavailable broken"),
            (broken(), Write, 1, "uncertain broken"),
            (NetError::Broken(problem("broken", alert)), Dial, 1, "misconfigured broken"),
            (NetError::Broken(problem("broken", alert)), Write, 1, "uncertain broken"),
            (NetError::TimedOut(problem("timeout", "")), Datagram, 1, "unavailable timeout"),
            (NetError::TimedOut(problem("timeout", "")), Write, 1, "uncertain timeout"),
            (NetError::Other(problem("max", "")), Dial, 1, "unavailable max"),
            (NetError::TooLarge(1232), Datagram, 1, "rejected too-large"),
        ];
        for (error, step, number, expected) in table {
            let shown = format!("{error:?}, {step:?}, attempt {number}");
            let found = match failure(error, step, number) {
                Failure::Misconfigured(fault) => format!("misconfigured {}", fault.code),
                Failure::Unavailable(delay) => format!("unavailable {}", delay.code),
                Failure::Uncertain(reason) => format!("uncertain {}", reason.code),
                Failure::Rejected(reason) => format!("rejected {}", reason.code),
                Failure::TooLarge(reason) => format!("too-large {}", reason.code),
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{shown}");
        }
    }
}
