//! What the store holds, as it is read at start, and when kinds come later: each secret opened for
//! what it would be bound to now. What does not open stays sealed and counts as unset.

use std::collections::HashMap;

use super::secrets::Bindings;
use super::{Kinds, old};
use crate::ids::{EndpointId, TenantId};
use crate::records::rows::{EndpointRow, Rows, Secrets, StoredSecret};
use crate::records::secrets as stored_secrets;
use crate::store::{Store, StoreError};
use crate::vault::{About, Owner, Sealed, Vault, VaultError};

/// Lays each stored secret beside the row that it belongs to; secrets that rows hold in plain text are
/// sealed first.
pub(super) async fn lay(
    rows: &mut Rows,
    kinds: &Kinds,
    store: &Store,
    vault: &Vault,
) -> Result<(), StoreError> {
    let sealed = store.read(stored_secrets::load).await?;
    lay_beside(rows, sealed, kinds, vault);
    old::seal(rows, kinds, store, vault).await
}

fn lay_beside(rows: &mut Rows, sealed: Vec<Sealed>, kinds: &Kinds, vault: &Vault) {
    let mut of_owner: HashMap<Owner, Vec<Sealed>> = HashMap::new();
    for one in sealed {
        of_owner.entry(one.about.owner).or_default().push(one);
    }
    let Rows { endpoints, recipients, .. } = rows;
    for row in &mut *endpoints {
        if let Some(sealed) = of_owner.remove(&Owner::Endpoint(row.id)) {
            let bindings = kinds.bindings_of(row);
            row.secrets = opened(sealed, row.tenant, bindings.as_ref(), vault);
        }
    }
    let by_id: HashMap<EndpointId, &EndpointRow> =
        endpoints.iter().map(|row| (row.id, row)).collect();
    for row in recipients {
        if let Some(sealed) = of_owner.remove(&Owner::Recipient(row.id)) {
            let bindings = by_id.get(&row.endpoint).and_then(|row| kinds.bindings_of(row));
            row.secrets = opened(sealed, row.tenant, bindings.as_ref(), vault);
        }
    }
}

fn opened(
    sealed: Vec<Sealed>,
    tenant: TenantId,
    bindings: Option<&Bindings<'_>>,
    vault: &Vault,
) -> Secrets {
    let open = |mut sealed: Sealed| {
        let field = sealed.about.field.clone();
        let (version, was) = (sealed.about.version, sealed.about.bound_to.clone());
        let binding = bindings.and_then(|bindings| bindings.of_field(&field)?.ok());
        let stored = match binding {
            Some(binding) => {
                // What the row says of itself has no part in it.
                sealed.about = About { tenant, bound_to: binding.to_text(), ..sealed.about };
                match vault.open(&sealed) {
                    Ok(value) => {
                        let bound_to = sealed.about.bound_to;
                        StoredSecret { version, bound_to, value: Some(value) }
                    }
                    Err(error) => {
                        // Of all others the object itself tells, as a problem.
                        if matches!(error, VaultError::OtherKey { .. }) {
                            tracing::error!(error = %error, "A secret has no key.");
                        }
                        StoredSecret { version, bound_to: was, value: None }
                    }
                }
            }
            None => StoredSecret { version, bound_to: was, value: None },
        };
        (field, stored)
    };
    sealed.into_iter().map(open).collect()
}
