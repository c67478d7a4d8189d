create table recipient (
    id integer primary key autoincrement,
    tenant integer not null,
    name text not null,
    unique (tenant, name)
) strict;

create table endpoint (
    id integer primary key autoincrement,
    tenant integer not null,
    name text not null,
    unique (tenant, name)
) strict;

-- `body`: the alert as JSON without what stands in columns. `raw`: as the producer sent it.
create table alert (
    seq integer primary key,
    tenant integer not null,
    id blob not null unique,
    fingerprint blob not null,
    episode blob not null,
    received_ms integer not null,
    severity integer not null,
    body text not null,
    raw text not null
) strict;

-- `state`: 0 pending, 1 delivered, 2 skipped, 3 dead. `attempt`: the newest. `message`: the stored
-- one that a pending delivery goes again as, or the last one of a dead delivery.
create table delivery (
    seq integer primary key,
    tenant integer not null,
    alert integer not null,
    recipient integer not null,
    state integer not null,
    due_ms integer not null,
    attempts integer not null,
    first_ms integer,
    attempt integer,
    message blob,
    remote_id text
) strict;
create index delivery_of_alert on delivery (alert);
create index delivery_pending on delivery (recipient, seq) where state = 0;
create index delivery_apart on delivery (tenant, state, seq) where state >= 2;
create index delivery_of_message on delivery (message) where state = 0 and message is not null;

create table attempt (
    seq integer primary key,
    tenant integer not null,
    message blob not null,
    number integer not null,
    at_ms integer not null,
    took_ms integer not null,
    outcome text not null,
    code text not null,
    detail text not null,
    origin text,
    status integer,
    sent_bytes integer not null,
    received_bytes integer not null,
    answer_sha256 blob,
    unanswered integer not null
) strict;

-- Attempts of a delivery before its newest. Most deliveries have one attempt and no row here.
create table attempt_before (
    delivery integer not null,
    attempt integer not null,
    primary key (delivery, attempt)
) strict, without rowid;

-- Messages that go again or are dead. `members`: alert id and recipient of each, 20 bytes.
create table message (
    seq integer primary key,
    tenant integer not null,
    id blob not null unique,
    members blob not null,
    summary text not null,
    content_type text not null,
    body blob not null,
    notes text not null,
    repeat_safe_ms integer not null,
    carry text,
    component blob not null,
    settings blob not null
) strict;

-- Conditions that are open, and the alert that opened each.
create table engaged (
    tenant integer not null,
    fingerprint blob not null,
    alert blob not null,
    primary key (tenant, fingerprint)
) strict, without rowid;

-- Batches of the last ten minutes. In the order of `seq` they rise in `at_ms`.
create table batch_key (
    seq integer primary key,
    tenant integer not null,
    sender blob not null,
    key blob not null,
    body blob not null,
    answer text not null,
    at_ms integer not null,
    unique (tenant, sender, key)
) strict;
