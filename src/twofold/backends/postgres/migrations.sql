The schema's own history.

-- name: inventory
-- How many relations the schema holds (composite and toast apart), and whether a table of migrations like ours is one.
select count(*),
       coalesce(bool_or(c.relname = 'migrations' and (
           select count(*) = 3 from pg_attribute a
           where a.attrelid = c.oid and a.attname in ('number', 'name', 'checksum')
       )), false)
from pg_class c
where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relkind in ('r', 'p', 'v', 'm', 'f');

-- name: applied
select number, name, checksum from migrations order by number;

-- name: wait_as_long_as_it_takes
-- Another process may be building an index of hours. Servers before 17 do not know the last one.
select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true),
       case when current_setting('transaction_timeout', true) is not null then set_config('transaction_timeout', '0', true) end;

-- name: lock
-- Two integers, so that it cannot meet an application's own bigint keys; the first says that it is ours.
select pg_advisory_xact_lock(20210527, hashtext($1));

-- name: table
create table if not exists migrations (
    number integer primary key,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp()
);

-- name: record
insert into migrations (number, name, checksum) values ($1, $2, $3);
