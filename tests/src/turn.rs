//! Tests that measure take turns with all others.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static GROUND: RwLock<()> = RwLock::const_new(());

#[derive(Debug)]
pub(crate) enum Turn {
    Shared(#[expect(dead_code, reason = "held, not read")] RwLockReadGuard<'static, ()>),
    Alone(#[expect(dead_code, reason = "held, not read")] RwLockWriteGuard<'static, ()>),
}

impl Turn {
    pub(crate) async fn shared() -> Self {
        Self::Shared(GROUND.read().await)
    }

    pub(crate) async fn alone() -> Self {
        Self::Alone(GROUND.write().await)
    }
}
