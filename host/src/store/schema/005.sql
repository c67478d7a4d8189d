-- Secrets of endpoints and recipients. `sealed`: XChaCha20-Poly1305, ciphertext and tag; tenant,
-- owner, field, version and `bound_to` are authenticated with it, so that a row that is edited does
-- not open any more. `version`: the revision of the row that brought it.
create table secret (
    seq integer primary key,
    tenant integer not null,
    owner_sort text not null check (owner_sort in ('endpoint', 'recipient')),
    owner integer not null,
    field text not null,
    version integer not null,
    bound_to text not null,
    key_id blob not null,
    nonce blob not null,
    sealed blob not null,
    changed_ms integer not null,
    unique (owner_sort, owner, field)
) strict;
