-- Endpoints and recipients live here with all that belongs to them. Those of earlier versions were
-- names alone, with the rest in a file: they are kept as removed, so that their ids stay theirs.
-- `revision` rises with every change of any row. `apply_set`: the set of files that made it.
-- `pause_by`: who paused it, `person` or `verdict`; null: nobody. `removed_ms`: kept for the names
-- in the records.
create table endpoint_3 (
    id integer primary key autoincrement,
    tenant integer not null,
    name text not null,
    kind text not null,
    settings text not null,
    apply_set text,
    revision integer not null,
    created_ms integer not null,
    changed_ms integer not null,
    pause_by text,
    pause_ms integer,
    pause_code text,
    pause_detail text,
    removed_ms integer
) strict;
insert into endpoint_3 (id, tenant, name, kind, settings, revision, created_ms, changed_ms, removed_ms)
    select id, tenant, name, '', '{}', 0, 0, 0, 0 from endpoint;
drop table endpoint;
alter table endpoint_3 rename to endpoint;
create unique index endpoint_name on endpoint (tenant, name) where removed_ms is null;

create table recipient_3 (
    id integer primary key autoincrement,
    tenant integer not null,
    name text not null,
    endpoint integer not null,
    filter text not null,
    settings text not null,
    apply_set text,
    revision integer not null,
    created_ms integer not null,
    changed_ms integer not null,
    pause_by text,
    pause_ms integer,
    pause_code text,
    pause_detail text,
    removed_ms integer
) strict;
insert into recipient_3 (id, tenant, name, endpoint, filter, settings, revision, created_ms, changed_ms, removed_ms)
    select id, tenant, name, 0, '{}', '{}', 0, 0, 0, 0 from recipient;
drop table recipient;
alter table recipient_3 rename to recipient;
create unique index recipient_name on recipient (tenant, name) where removed_ms is null;

-- Why a delivery ended without a try: `recipient-removed`. `forgiven`: tries before somebody sent
-- it again by hand, which do not count for its end.
alter table delivery add column cause text;
alter table delivery add column forgiven integer not null default 0;

-- When the open condition began: an engage with the same beginning repeats what was told.
alter table engaged add column time_ms integer not null default 0;

-- Who changed what. Each entry's hash covers its fields and the hash of the entry before it.
create table audit (
    seq integer primary key,
    at_ms integer not null,
    tenant integer not null,
    actor text not null,
    source text not null,
    action text not null,
    object text not null,
    detail text not null,
    hash blob not null
) strict;
create trigger audit_is_not_changed before update on audit
begin
    select raise(abort, 'the audit log is only added to');
end;
create trigger audit_is_not_cut before delete on audit
begin
    select raise(abort, 'the audit log is only added to');
end;
