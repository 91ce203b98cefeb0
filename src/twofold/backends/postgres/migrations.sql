The schema's own history.

-- name: inventory
-- Whether the schema holds a table of migrations like ours; if not, how many relations there are (composite and toast
-- apart). They are not counted otherwise: it takes a look at those of all schemas.
with ours as (
    select count(*) = 3 as there from pg_attribute
    where attrelid = to_regclass(quote_ident($1) || '.migrations') and attname in ('number', 'name', 'checksum')
)
select case when ours.there then 0 else (
           select count(*) from pg_class c
           where c.relnamespace = (select oid from pg_namespace where nspname = $1) and c.relkind in ('r', 'p', 'v', 'm', 'f')
       ) end,
       ours.there
from ours;

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
insert into migrations (number, name, checksum) select * from unnest($1::integer[], $2::text[], $3::text[]);
