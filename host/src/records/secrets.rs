//! Secrets as the store keeps them: sealed.

use rusqlite::{Row, params};

use crate::ids::{EndpointId, RecipientId, Secret, TenantId};
use crate::store::row::Whole;
use crate::store::{Prepared, StoreError};
use crate::vault::{About, KeyId, Owner, Sealed, Vault};

/// All that are stored, of every tenant.
pub(crate) fn load(db: &Prepared<'_>) -> Result<Vec<Sealed>, StoreError> {
    all(db).map_err(StoreError::sqlite("read the secrets"))
}

pub(crate) fn all(db: &Prepared<'_>) -> rusqlite::Result<Vec<Sealed>> {
    const ALL: &str = "select seq, tenant, owner_sort, owner, field, version, bound_to, key_id,
            nonce, sealed, changed_ms
        from secret order by seq";
    db.all(ALL, [], sealed)
}

/// Whether any are stored.
pub(crate) fn any(db: &Prepared<'_>) -> Result<bool, StoreError> {
    const ANY: &str = "select exists (select 1 from secret)";
    let any =
        db.first(ANY, [], |row| row.get(0)).map_err(StoreError::sqlite("read the secrets"))?;
    Ok(any.unwrap_or(false))
}

/// A secret of somebody, for people to look at.
#[derive(Debug)]
pub struct SecretRecord {
    /// The place in a list.
    pub seq: u64,
    pub owner_name: String,
    pub sealed: Sealed,
}

/// A tenant's, newest first, older than `before`.
pub(super) fn list(
    db: &Prepared<'_>,
    tenant: TenantId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<SecretRecord>, StoreError> {
    const LIST: &str = "select s.seq, s.tenant, s.owner_sort, s.owner, s.field, s.version,
            s.bound_to, s.key_id, s.nonce, s.sealed, s.changed_ms, coalesce(e.name, r.name, '')
        from secret s
        left join endpoint e on s.owner_sort = 'endpoint' and e.id = s.owner
        left join recipient r on s.owner_sort = 'recipient' and r.id = s.owner
        where s.tenant = ?1 and s.seq < ?2 order by s.seq desc limit ?3";
    let before = Whole(before.unwrap_or(u64::MAX));
    let read = |row: &Row<'_>| {
        let seq = row.get::<_, Whole>(0)?.0;
        Ok(SecretRecord { seq, owner_name: row.get(11)?, sealed: sealed(row)? })
    };
    db.all(LIST, params![tenant.0, before, limit], read)
        .map_err(StoreError::sqlite("list the secrets"))
}

/// Seals a value and stores it instead of the one that the field had. It is sealed here, within
/// the transaction that stores it, so that none is written with a key that a rotation has ended.
pub(crate) fn put(
    db: &Prepared<'_>,
    vault: &Vault,
    about: About,
    value: &Secret,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let sealed = vault.seal(about, value, now_ms);
    let sealed =
        sealed.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    write(db, &sealed)
}

pub(crate) fn write(db: &Prepared<'_>, sealed: &Sealed) -> rusqlite::Result<()> {
    const PUT: &str = "insert into secret (tenant, owner_sort, owner, field, version, bound_to,
            key_id, nonce, sealed, changed_ms)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        on conflict (owner_sort, owner, field) do update set tenant = ?1, version = ?5,
            bound_to = ?6, key_id = ?7, nonce = ?8, sealed = ?9, changed_ms = ?10";
    let about = &sealed.about;
    let values = params![
        about.tenant.0,
        about.owner.sort(),
        about.owner.number(),
        about.field,
        Whole(about.version),
        about.bound_to,
        sealed.key_id.0,
        sealed.nonce,
        sealed.bytes,
        Whole(sealed.changed_ms)
    ];
    db.execute(PUT, values).map(drop)
}

pub(crate) fn remove(db: &Prepared<'_>, owner: Owner, field: &str) -> rusqlite::Result<()> {
    const REMOVE: &str = "delete from secret where owner_sort = ?1 and owner = ?2 and field = ?3";
    db.execute(REMOVE, params![owner.sort(), owner.number(), field]).map(drop)
}

pub(crate) fn remove_all_of(db: &Prepared<'_>, owner: Owner) -> rusqlite::Result<()> {
    const REMOVE: &str = "delete from secret where owner_sort = ?1 and owner = ?2";
    db.execute(REMOVE, params![owner.sort(), owner.number()]).map(drop)
}

fn sealed(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    let (sort, owner) = (row.get_ref(2)?.as_str()?, row.get(3)?);
    let owner = match sort {
        "recipient" => Owner::Recipient(RecipientId(owner)),
        _ => Owner::Endpoint(EndpointId(owner)),
    };
    Ok(Sealed {
        about: About {
            tenant: TenantId(row.get(1)?),
            owner,
            field: row.get(4)?,
            version: row.get::<_, Whole>(5)?.0,
            bound_to: row.get(6)?,
        },
        key_id: KeyId(fixed(row, 7)?),
        nonce: fixed(row, 8)?,
        bytes: row.get(9)?,
        changed_ms: row.get::<_, Whole>(10)?.0,
    })
}

/// Bytes of another length were put there by somebody else: zeros open nothing, and take no other
/// secret down with them.
fn fixed<const N: usize>(row: &Row<'_>, at: usize) -> rusqlite::Result<[u8; N]> {
    Ok(row.get_ref(at)?.as_blob()?.try_into().unwrap_or([0; N]))
}
