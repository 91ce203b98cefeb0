-- What is known about a file before and while its schema is installed.

-- name: is_empty
-- A file without an owner and without anything in it may become ours.
select not exists (select 1 from sqlite_schema);

-- name: has_migrations
-- False for a file in which nothing ran yet.
select exists (select 1 from sqlite_schema where type = 'table' and name = 'migrations');

-- name: create_migrations
-- One row per script that ran, with the checksum of what ran.
create table if not exists migrations (
    number integer primary key not null,
    name text not null,
    checksum text not null
) strict;

-- name: applied
-- In order, because a gap is an error.
select number, name, checksum from migrations order by number;

-- name: record
-- In the transaction of the script itself.
insert into migrations (number, name, checksum) values (?, ?, ?);
