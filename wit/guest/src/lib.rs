//! What a Campanile component written in Rust stands on: the bindings of `endpoint.wit` under
//! short names, and the small things that every component needs.
//!
//! Promise: nothing here does I/O but [`http::send`] and its like, which are the engine's; the
//! rest is pure, and tested on the machine that builds it.
//!
//! A component implements [`Kind`] for a type of its own and hands that to [`export!`]. What it
//! does not call, it does not import: its imports stay the list of its capabilities.

mod answer;
pub mod bindings;
pub mod card_markdown;
pub mod color;
pub mod cut;
pub mod discord_markdown;
pub mod ecs;
pub mod escape;
pub mod json;
pub mod mattermost_markdown;
pub mod mrkdwn;
mod names;
pub mod native;
mod outcome;
pub mod plain;
pub mod raw;
pub mod release;
pub mod retry_after;
pub mod rfc5424;
#[cfg(not(target_family = "wasm"))]
pub mod samples;
pub mod settings;
pub mod span;
pub mod story;
pub mod telegram_html;
pub mod uri;

pub use bindings::campanile::endpoint::{alerts, files, http, log, net, secrets};
pub use bindings::exports::campanile::endpoint::kind::{
    Attempt, Budget, Certainty, Context, Delay, Descriptor, Failure, Fault, Finding, Formatted,
    Guest as Kind, Message, Outcome, Owed, Pace, Proof, Purpose, Reason, Receipt, Refusal, Scope,
    Subject, Verdict,
};

pub use alerts::{Action, Alert, AutonomousSystem, Flow, Instant, Party, Severity, Traffic};
pub use http::{Coding, Ending, Filling, HttpError, Method, Request, Response};

pub use release::OnRelease;

/// Makes the unit struct, which implements [`Kind`], what this component exports.
///
/// A native linker does not take the names of the exports. So where a crate is built for the
/// machine that tests it, the same functions are only checked and counted as used.
#[macro_export]
macro_rules! export {
    ($kind:ident) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
    $crate::bindings::export!($kind with_types_in $crate::bindings);
        };

        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            let _ = $kind;
            let _ = <$kind as $crate::Kind>::describe;
            let _ = <$kind as $crate::Kind>::format;
            let _ = <$kind as $crate::Kind>::deliver;
            let _ = <$kind as $crate::Kind>::probe;
        };
    };
}
