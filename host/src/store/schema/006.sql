-- Owners of everything else. `name`: as the operator's configuration speaks of them.
create table tenant (
    id integer primary key autoincrement,
    name text not null unique
) strict;
insert into tenant (id, name) values (1, 'default');
