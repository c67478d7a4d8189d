-- What a program of a native kind printed, and SHA-256 of the program.
alter table attempt add column output text;
alter table attempt add column program_sha256 blob;

-- Whether the token that an alert came by may have addresses banned.
alter table alert add column may_ban integer not null default 0;
