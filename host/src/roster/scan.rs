//! Components that were put into their folder, or taken out of it, while the engine runs.
//!
//! Promise: what is found is what a start would find, and is held to the same: it describes itself,
//! agrees with its manifest, and waits for approval unless it came with the engine. What is as it was
//! is not touched.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::JoinError;

use super::decide::{component_row, entry};
use super::live::Live;
use super::{Inner, Kinds, Roster, opening, refused};
use crate::audit::{self, Entry, Who};
use crate::ids::TenantId;
use crate::records::components::{self, ComponentRow};
use crate::records::rows;
use crate::runtime::{Catalog, ComponentHash, Kept, Runtime, RuntimeError};
use crate::store::{Prepared, StoreError, Wakes, Weight, WriteJob};

/// Why the folder of components was not looked through.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    #[error(transparent)]
    Folder(#[from] RuntimeError),

    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Roster {
    /// Looks through the folder of components. What is new or gone is live when this returns; the
    /// names of both.
    pub async fn scan(
        &self,
        runtime: &Arc<Runtime>,
        tenant: TenantId,
        who: Who,
    ) -> Result<Vec<String>, ScanError> {
        let turn = self.turn().await?;
        let before = self.kinds();
        let rows = components::load(&self.0.store).await?;
        let kept: Kept =
            rows.iter().map(|row| (ComponentHash(row.hash), row.descriptor.clone())).collect();
        let catalog = Arc::new(before.catalog().again(runtime, &kept).await?);
        let (was, is) = (standing(before.catalog()), standing(&catalog));
        let names = was.keys().chain(is.keys());
        let mut changed: Vec<_> =
            names.filter(|name| was.get(*name) != is.get(*name)).cloned().collect();
        changed.sort();
        changed.dedup();
        if changed.is_empty() {
            return Ok(changed);
        }
        let now_ms = self.0.store.clock().now_ms();
        let approvals = before.installed.approvals();
        let kinds = catalog.kinds().iter();
        let new = kinds.clone().filter(|kind| kind.is_new && !kept.contains_key(&kind.hash));
        let installed = new.map(|kind| component_row(kind, now_ms, &approvals)).collect();
        let present = kinds.map(|kind| kind.hash.0).collect();
        let entries = changed.iter().map(|name| {
            let (action, detail) = match is.get(name) {
                Some(standing) => ("install", standing.detail()),
                None => ("remove", json!({})),
            };
            entry(tenant, action, name, who.clone(), now_ms, detail)
        });
        let entries = entries.collect();
        let kinds = Arc::new(before.with_catalog(catalog));
        // As at a start: a kind says which of its settings are secrets.
        let mut rows = self.0.store.read(rows::load).await?;
        opening::lay(&mut rows, &kinds, &self.0.store, &self.0.vault).await?;
        let made = tokio::task::spawn_blocking({
            let (live, kinds, changed) = (self.live(), Arc::clone(&kinds), changed.clone());
            move || Arc::new(live.read_anew(&changed, rows, &kinds))
        });
        let live = made.await.map_err(|panic: JoinError| {
            tracing::error!(error = %panic, "A look for components could not be planned.");
            StoreError::Closed
        })?;
        let (reply, answer) = oneshot::channel();
        let roster = Arc::clone(&self.0);
        let job = Scan { roster, kinds, live, installed, present, entries, _turn: turn, reply };
        self.0.store.ingest(Box::new(job), Weight { count: 0, bytes: 0 }).map_err(refused)?;
        answer.await.unwrap_or(Err(StoreError::Closed))?;
        Ok(changed)
    }
}

/// What a component was found to be.
#[derive(PartialEq, Eq)]
enum Standing {
    Sound(ComponentHash),
    /// Why it cannot be used.
    Broken(String),
}

impl Standing {
    fn detail(&self) -> Value {
        match self {
            Self::Sound(hash) => json!({ "hash": hash.to_string() }),
            Self::Broken(problem) => json!({ "problem": problem }),
        }
    }
}

/// Each component by name.
fn standing(catalog: &Catalog) -> BTreeMap<String, Standing> {
    let broken = catalog.broken().iter();
    let broken = broken.map(|one| (one.name.clone(), Standing::Broken(one.told())));
    let sound = catalog.kinds().iter();
    // Of two with one name the one that can be used counts.
    broken.chain(sound.map(|kind| (kind.name.clone(), Standing::Sound(kind.hash)))).collect()
}

struct Scan {
    roster: Arc<Inner>,
    kinds: Arc<Kinds>,
    live: Arc<Live>,
    installed: Vec<ComponentRow>,
    present: Vec<[u8; 32]>,
    entries: Vec<Entry>,
    _turn: OwnedSemaphorePermit,
    reply: oneshot::Sender<Result<(), StoreError>>,
}

impl WriteJob for Scan {
    fn run(&mut self, db: &Prepared<'_>) -> rusqlite::Result<()> {
        components::put_installed(db, &self.installed, &self.present)?;
        self.entries.iter().try_for_each(|entry| audit::append(db, entry))
    }

    fn apply(&mut self, _wakes: &mut Wakes) {
        let mut held = self.roster.kinds.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::clone(&self.kinds);
        drop(held);
        self.roster.live.send_replace(Arc::clone(&self.live));
    }

    fn answer(self: Box<Self>, result: Result<(), StoreError>) {
        // Whoever asked may have gone.
        _ = self.reply.send(result);
    }
}
