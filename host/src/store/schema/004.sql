-- Components that were installed, by the hash of code and manifest together: what each said of
-- itself then, and whether somebody approved it. One hash of a name is approved at a time;
-- `approved_text` is what was shown to whom approved it, one line for each thing it may do.
create table component (
    hash blob primary key,
    name text not null,
    manifest text not null,
    descriptor text not null,
    installed_ms integer not null,
    approved_ms integer,
    approved_by text,
    approved_text text
) strict, without rowid;
create index component_name on component (name);

-- What the store knows about itself.
create table meta (
    key text primary key,
    value text not null
) strict, without rowid;
