Read models: checkpoints, what the tables were made from, and the tables themselves. What stands in braces comes from
their definitions (tables.py): plain names from the code, never a value. Names are found through the search path.

-- name: lock
-- One process at a time makes tables. Two integers, so that it cannot meet an application's own bigint keys.
select pg_advisory_xact_lock(20210527, hashtext('reads ' || $1));

-- name: wait_as_long_as_it_takes
-- An index on a large table takes its time. And rows may be lost in a crash, but not the tables: whoever runs through
-- one would never make them again. Servers before 17 do not know the last one; the view pg_settings would tell, and takes
-- a millisecond to show them all.
select set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true), set_config('synchronous_commit', 'on', true),
       case when current_setting('transaction_timeout', true) is not null then set_config('transaction_timeout', '0', true) end;

-- name: take_long
-- To look at all rows takes its time, and keeps nobody waiting. Servers before 17 have no such limit.
select case when current_setting('transaction_timeout', true) is not null then set_config('transaction_timeout', '0', true) end;

-- name: create_schema
create schema if not exists {schema};

-- name: create_checkpoints
-- How far each subscription has come. It moves in the transaction that writes the rows, by compare-and-set on
-- (position, epoch). The other columns say of which log, and what the newest event was that took effect. Room in each
-- page keeps the many updates of few rows where they are.
create table if not exists twofold_checkpoints (
    name text collate "C" primary key,
    position bigint not null,
    epoch bigint not null,
    store_id text not null,
    log_epoch bigint not null,
    event_position bigint not null,
    event_id text not null
) with (fillfactor = 20);

-- name: create_errors
-- What stopped a subscription, while it stands at that position; facts is the error as a document.
create table if not exists twofold_errors (
    name text collate "C" primary key,
    position bigint not null,
    code text not null,
    message text not null,
    facts json not null,
    recorded_at timestamptz not null default now()
);

-- name: create_read_models
-- What the tables of the read models were made from, so that a changed definition is found out.
create table if not exists twofold_read_models (
    name text collate "C" primary key,
    definition text not null
);

-- name: create_secrets
create table if not exists twofold_secrets (
    name text collate "C" primary key,
    secret bytea not null
);

-- name: make_secret
-- What signs the cursors of questions: made once, the same for every process and replica. Two random uuids hold 244
-- random bits, and need no extension.
insert into twofold_secrets (name, secret)
values ('cursors', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'))
on conflict do nothing;

-- name: secret
select secret from twofold_secrets where name = 'cursors';

-- name: checkpoints
-- With those of their partitions, whose names go on with # (and $ comes right after it).
select c.name, c.position, c.store_id, c.log_epoch, c.event_position, c.event_id, c.epoch
from unnest($1::text[]) as wanted (name)
join twofold_checkpoints c on c.name = wanted.name or (c.name > wanted.name || '#' and c.name < wanted.name || '$');

-- name: begin_checkpoint
-- A subscription that never moved stands before the first event; whoever comes first says so.
insert into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing;

-- name: move_checkpoints
-- Compare-and-set of many: those that another worker has moved before, or taken over (epoch), are not in the answer.
-- A rival that is under way is waited for, and its outcome seen. In order of names, so that two cannot wait for each
-- other.
update twofold_checkpoints c
set position = n.position, store_id = n.store_id, log_epoch = n.log_epoch, event_position = n.event_position,
    event_id = n.event_id, epoch = n.epoch
from (
    select n.* from unnest(
        $1::text[], $2::bigint[], $3::bigint[],
        $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[]
    ) as n (name, from_position, from_epoch, position, store_id, log_epoch, event_position, event_id, epoch)
    join twofold_checkpoints held on held.name = n.name
    order by held.name for update of held
) n
where c.name = n.name and c.position = n.from_position and c.epoch = n.from_epoch
returning c.name;

-- name: notes
select name, position, code, message, facts from twofold_errors where name = any ($1::text[]);

-- name: remove_note
delete from twofold_errors where name = $1;

-- name: remove_notes
-- Those of its partitions, too.
delete from twofold_errors where name = $1 or (name > $1 || '#' and name < $1 || '$');

-- name: write_note
-- Two processes may stop at the same event. When, is said by the database.
insert into twofold_errors (name, position, code, message, facts) values ($1, $2, $3, $4, $5)
on conflict (name) do update set position = excluded.position, code = excluded.code, message = excluded.message,
    facts = excluded.facts, recorded_at = excluded.recorded_at;

-- name: there
-- For each of these names the definition under which its tables were made (null: not by us), and whether a table is called so.
select wanted.name, made.definition, exists (
    select 1 from pg_class where relname = wanted.name and relnamespace = (select oid from pg_namespace where nspname = $2)
)
from unnest($1::text[]) as wanted (name) left join twofold_read_models made on made.name = wanted.name;

-- name: begin_anew
-- Tables that are made anew are filled from the first event on by these subscriptions, and nothing is parked of these read models.
with no_longer_parked as (delete from twofold_parked where read_model = any ($2::text[])),
     not_taken as (delete from twofold_letters where read_model = any ($2::text[]))
delete from twofold_checkpoints c using unnest($1::text[]) as filled (name)
where c.name = filled.name or (c.name > filled.name || '#' and c.name < filled.name || '$');

-- name: forget_checkpoint
-- With those of its partitions.
delete from twofold_checkpoints where name = $1 or (name > $1 || '#' and name < $1 || '$');

-- name: hold_checkpoint
-- Whoever changes all checkpoints of a subscription locks the one under its own name first, so that what the next
-- statement finds of the others is true until the end of the transaction.
select name from twofold_checkpoints where name = $1 for update;

-- name: family
-- A subscription's own checkpoint and those of its partitions. In order of names, as all who hold several.
select name, position, epoch from twofold_checkpoints
where name = $1 or (name > $1 || '#' and name < $1 || '$') order by name for update;

-- name: forget_partitions
delete from twofold_checkpoints where name > $1 || '#' and name < $1 || '$';

-- name: add_checkpoint
insert into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
values ($1, $2, $3, $4, $5, $6, $7);

-- name: set_checkpoint
update twofold_checkpoints
set position = $2, store_id = $3, log_epoch = $4, event_position = $5, event_id = $6, epoch = $7 where name = $1;

-- name: remember_definitions
-- In the transaction that makes the tables.
insert into twofold_read_models (name, definition) select * from unnest($1::text[], $2::text[])
on conflict (name) do update set definition = excluded.definition;

-- name: create_table
-- Half of each page is left free: a row that changes again and again then stays in its page, and its indexes need no
-- new entries.
create table {table} ({declared}, primary key ({key})) with (fillfactor = 50);

-- name: add_column
-- Takes no time whatever the number of rows: both databases answer with the default for rows that are older. It stays,
-- so that a process that still runs the older code can write.
alter table {table} add column {declared} default {default};

-- name: drop_index
drop index if exists {index};

-- name: forget_words
alter table {table} drop column if exists {words};

-- name: add_words
alter table {table} add column {declared};

-- name: create_words_index
-- Without a list of what is pending, which every search would have to go through.
create index if not exists {index} on {table} using gin ({words}) with (fastupdate = off);

-- name: create_index
create index if not exists {index} on {table} ({of}){where};

-- name: create_generations
-- Every build of the read models that share a subscription.
create table if not exists twofold_generations (
    subscription text collate "C" not null,
    number bigint not null,
    code text not null,
    state text not null,
    tables text[] not null,
    started_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp(),
    primary key (subscription, number)
);

-- name: rename_table
alter table {table} rename to {other};

-- name: rename_index
alter index if exists {index} rename to {other};

-- name: drop_table
drop table if exists {table};

-- name: begin_beside
-- A subscription that never moved is begun, so that nobody else begins it while it is exchanged with what stands beside.
insert into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
select $1, 0, store_id, log_epoch, 0, '', 1 from twofold_checkpoints where name = $2
on conflict do nothing;

-- name: rename_checkpoint
-- With those of its partitions. The epoch fences whoever ran it under either name.
update twofold_checkpoints set name = $1 || substr(name, length($3) + 1), epoch = $2
where name = $3 or (name > $3 || '#' and name < $3 || '$');

-- name: split_checkpoint
insert into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
select $1, position, store_id, log_epoch, event_position, event_id, epoch from twofold_checkpoints where name = $2;

-- name: rename_parked
update twofold_parked set read_model = $1 where read_model = $2;

-- name: rename_letters
update twofold_letters set read_model = $1 where read_model = $2;

-- name: rename_definition
update twofold_read_models set name = $1 where name = $2;

-- name: forget_definition
delete from twofold_read_models where name = $1;

-- name: path
-- Where names without a schema are looked for, and where tables are made: in the first of them.
select current_setting('search_path');

-- name: here
select current_schema();

-- name: go_by_path
select set_config('search_path', $1, true);

-- name: keep_path
-- The same for as long as the session lasts. While the rows of one table are sorted, another transaction waits.
select set_config('search_path', $1, false), set_config('idle_in_transaction_session_timeout', '0', false);

-- name: only_read
-- What was made for the session alone can be written in spite of it.
set session characteristics as transaction read only;

-- name: shape
-- The columns of a temporary table, and the place of each in its primary key (null: it is not in it).
select a.attname, array_position(i.indkey::int2[], a.attnum)
from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
where a.attrelid = to_regclass('pg_temp.' || quote_ident($1)) and a.attnum > 0 and not a.attisdropped
order by a.attnum;

-- name: lines
-- Rows as text, each exactly as the server writes it, in an order that does not depend on a locale.
select {columns} from {table} order by {order};

-- name: create_schema_beside
create schema {schema};

-- name: drop_schema_beside
-- With whatever others have made there of its tables.
drop schema if exists {schema} cascade;

-- name: made_there
-- What a schema holds that is no table, no index, and no sequence of a table: that would not move with them.
select kind, name from (
    select case c.relkind when 'v' then 'view' when 'm' then 'view' when 'S' then 'sequence' else 'table' end, c.relname::text
    from pg_class c
    where c.relnamespace = $1::regnamespace and c.relkind not in ('i', 'I', 't', 'c') and not (c.relkind in ('r', 'p') and c.relname = any ($2::text[]))
        and not (c.relkind = 'S' and exists (
            select 1 from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
        ))
    union all
    select 'function', p.proname from pg_proc p where p.pronamespace = $1::regnamespace
    union all
    select 'type', t.typname from pg_type t where t.typnamespace = $1::regnamespace and t.typtype in ('d', 'e', 'r')
    union all
    select 'type', c.relname from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'c'
) as made (kind, name) limit 1;

-- name: missing_there
-- The tables that a schema does not hold.
select name from unnest($2::text[]) as wanted (name)
where not exists (
    select 1 from pg_class where relname = name and relnamespace = (select oid from pg_namespace where nspname = $1)
);

-- name: move_table
-- With its indexes, constraints, triggers, and the sequences of its columns.
alter table if exists {table} set schema {schema};

-- name: generations
select subscription, number, code, state, tables from twofold_generations
where subscription = any ($1::text[]) order by subscription, number;

-- name: enter_generation
insert into twofold_generations (subscription, number, code, state, tables) values ($1, $2, $3, $4, $5)
on conflict do nothing;

-- name: change_generation
update twofold_generations set code = $1, state = $2, tables = $3, changed_at = clock_timestamp()
where subscription = $4 and number = $5;

-- name: set_generation
update twofold_generations set state = $1, changed_at = clock_timestamp() where subscription = $2 and number = $3;

-- name: create_parked
-- Keys of read models that take no events any more, since one that their fold could not take; ``key`` is JSON text.
create table if not exists twofold_parked (
    read_model text collate "C" not null,
    key text collate "C" not null,
    since bigint not null,
    event_type text not null,
    error text not null,
    reason text not null,
    place text not null,
    "group" text not null,
    primary key (read_model, key)
);

-- name: create_letters
-- The events that parked keys have not taken: dead letters, by their position in the log.
create table if not exists twofold_letters (
    read_model text collate "C" not null,
    key text collate "C" not null,
    position bigint not null,
    primary key (read_model, key, position)
);

-- name: create_skipped
-- Letters that were left out on purpose when their key was unparked.
create table if not exists twofold_skipped (
    read_model text collate "C" not null,
    key text collate "C" not null,
    position bigint not null,
    reason text not null,
    skipped_at timestamptz not null default clock_timestamp(),
    primary key (read_model, key, position)
);

-- name: park
insert into twofold_parked (read_model, key, since, event_type, error, reason, place, "group")
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: keep_letters
insert into twofold_letters (read_model, key, position)
select * from unnest($1::text[], $2::text[], $3::bigint[]);

-- name: parked
select read_model, key, since, event_type, error, reason, place, "group" from twofold_parked
where read_model = any ($1::text[]) order by read_model, since, key;

-- name: letters
select position from twofold_letters where read_model = $1 and key = $2 order by position;

-- name: fence
-- Whoever runs the subscription is late from here on, and reads anew what is parked.
update twofold_checkpoints set epoch = epoch + 1 where name = $1 and epoch = $2;

-- name: skipped
select read_model, key, position from twofold_skipped where read_model = any ($1::text[]);

-- name: forget_letters
delete from twofold_letters where read_model = $1 and key = $2;

-- name: unpark
delete from twofold_parked where read_model = $1 and key = $2;

-- name: forget_every_parked
delete from twofold_parked where read_model = $1;

-- name: forget_every_letter
delete from twofold_letters where read_model = $1;

-- name: skip
insert into twofold_skipped (read_model, key, position, reason) values ($1, $2, $3, $4)
on conflict (read_model, key, position) do update set reason = excluded.reason;

-- name: with_rows
-- The page of a set projection as one array for each column, and its own statement behind it.
with {table} ({columns}) as (select * from unnest({arrays})) {statement};

-- name: select_rows
-- A question's own words follow.
select {columns} from {table};

-- name: load_rows
-- One array for each column of the key.
select {columns} from unnest({key_arrays}) as wanted ({key}) join {table} using ({key});

-- name: find_rows
-- They follow the statement select_rows.
where {column} = any ($1::{type}[]);

-- name: remove_rows
-- One array for each column of the key.
delete from {table} using unnest({key_arrays}) as gone ({key}) where {key_is};

-- name: write_rows
-- One array for each column: one round trip whatever the number of rows.
insert into {table} ({names}) select * from unnest({arrays}) on conflict ({key}) do {update};

-- name: write_searchable_rows
-- The same; words come as one text for each row, with spaces between them.
insert into {table} ({names}, {words})
select {names}, array_to_tsvector(string_to_array({words}, ' ')) from unnest({arrays}) as given ({names}, {words})
on conflict ({key}) do {update};
