//! What a killed engine leaves behind: its store, read from a copy.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use campanile::ids::AlertId;
use campanile_tests::site::Site;
use rusqlite::{Connection, OpenFlags};

#[derive(Debug)]
pub(super) struct Wreck {
    /// How many requests had arrived.
    pub(super) arrived: usize,
    /// Alerts whose delivery had no final outcome on disk.
    pub(super) pending: BTreeSet<String>,
    /// Alerts whose delivery was recorded as delivered.
    pub(super) delivered: BTreeSet<String>,
}

impl Wreck {
    /// Reads a copy, so that the next start finds the store as the kill left it.
    pub(super) fn of(site: &Site, arrived: usize) -> Self {
        const FILES: [&str; 2] = ["campanile.db", "campanile.db-wal"];
        let mut wreck = Self { arrived, pending: BTreeSet::new(), delivered: BTreeSet::new() };
        if !site.data().join(FILES[0]).exists() {
            // Killed before there was a store.
            return wreck;
        }
        let copy = tempfile::tempdir_in(site.folder()).unwrap();
        for file in FILES.iter().filter(|file| site.data().join(file).exists()) {
            fs::copy(site.data().join(file), copy.path().join(file)).unwrap();
        }
        wreck.read(&copy.path().join(FILES[0])).unwrap();
        wreck
    }

    fn read(&mut self, file: &Path) -> rusqlite::Result<()> {
        const TABLES: &str = "select count(*) from sqlite_schema where name = 'delivery'";
        const DELIVERIES: &str =
            "select a.id, d.state from delivery d left join alert a on a.seq = d.alert";
        // Written to, since what the log holds is taken over first.
        let store = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        if store.query_row(TABLES, [], |row| row.get::<_, u32>(0))? == 0 {
            return Ok(());
        }
        let mut deliveries = store.prepare(DELIVERIES)?;
        let mut rows = deliveries.query([])?;
        while let Some(row) = rows.next()? {
            let alert = AlertId::from_bytes(row.get(0)?).to_string();
            match row.get::<_, u32>(1)? {
                0 => self.pending.insert(alert),
                1 => self.delivered.insert(alert),
                state => panic!("alert {alert} is neither pending nor delivered: state {state}"),
            };
        }
        Ok(())
    }
}
