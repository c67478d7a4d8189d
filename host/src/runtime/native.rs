//! Kinds whose code is in the engine, with the same face as a component: they describe themselves,
//! format, deliver and probe.
//!
//! Promise: a native kind does nothing by itself. What has an effect outside of the engine, it asks
//! a helper process for.
//!
//! Not here: what of its answers is believed (`runtime::format`, `runtime::deliver`).

mod calls;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::bindings::kind;
use crate::delivery::Seen;

pub(super) use calls::Native;

/// A boxed future, since kinds are looked up by name.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One alert that a native kind is to speak of.
#[derive(Debug)]
pub struct NativeSubject<'a> {
    pub subject: &'a kind::Subject,
    /// Its sender may have addresses banned.
    pub may_ban: bool,
}

/// What came of one call of `deliver`.
#[derive(Debug)]
pub struct NativeTold {
    pub outcome: kind::Outcome,
    /// What the engine itself saw; `origin` says where it went, such as `shell:notify.sh`.
    pub seen: Seen,
}

/// One native kind.
pub trait NativeKind: Debug + Send + Sync {
    /// As a component does.
    fn describe(&self) -> kind::Descriptor;

    /// Each position once, as a component does; what it gives is checked as a component's.
    fn format(
        &self,
        subjects: &[NativeSubject<'_>],
        context: &kind::Context,
    ) -> Result<kind::Formatted, kind::Fault>;

    /// `settings`: the effective settings as JSON. A call that outlasts the attempt's `deadline_ms`
    /// is dropped a moment later, and its outcome is then uncertain.
    fn deliver<'a>(
        &'a self,
        message: &'a kind::Message,
        settings: &'a str,
        attempt: &'a kind::Attempt,
    ) -> Doing<'a, NativeTold>;

    /// Changes nothing.
    fn probe<'a>(
        &'a self,
        settings: &'a str,
        scope: kind::Scope,
    ) -> Doing<'a, Result<kind::Finding, kind::Failure>>;
}

/// The native kinds of this installation.
#[derive(Clone, Debug, Default)]
pub struct Natives {
    /// Those that are turned on.
    pub on: Vec<Arc<dyn NativeKind>>,
    /// Names of those that are there, and off.
    pub off: Vec<String>,
}

#[cfg(test)]
pub(crate) mod tests;
