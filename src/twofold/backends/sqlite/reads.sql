-- Read models: checkpoints, what the tables were made from, and the tables themselves. What stands in braces comes from
-- their definitions (tables.py): plain names from the code, never a value.

-- name: checkpoints
-- The names come as a JSON array.
select name, position, store_id, log_epoch, event_position, event_id, epoch
from twofold_checkpoints where name in (select value from json_each(?));

-- name: secret
select secret from twofold_secrets where name = 'cursors';

-- name: begin_checkpoint
-- A subscription that never moved stands before the first event; whoever comes first says so.
insert into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing;

-- name: move_checkpoint
-- Compare-and-set: it moves nothing where another worker has moved it before, or taken it over (epoch).
update twofold_checkpoints
set position = ?, store_id = ?, log_epoch = ?, event_position = ?, event_id = ?, epoch = ?
where name = ? and position = ? and epoch = ?;

-- name: definition
-- The definition under which a table was made (null: not by us), and whether it is there.
select (select definition from twofold_read_models where name = ?1),
       exists (select 1 from sqlite_schema where type in ('table', 'view') and name = ?1);

-- name: forget_checkpoint
-- A table that is made anew is filled from the first event on.
delete from twofold_checkpoints where name = ?;

-- name: remember_definition
-- In the transaction that makes the table.
insert into twofold_read_models (name, definition) values (?, ?)
on conflict (name) do update set definition = excluded.definition;

-- name: create_table
-- STRICT, so that a column holds what it says.
create table {table} ({declared}, primary key ({key})) strict;

-- name: add_column
-- Takes no time whatever the number of rows: both databases answer with the default for rows that are older. It stays,
-- so that a process that still runs the older code can write.
alter table {table} add column {declared} default {default};

-- name: drop_index
drop index if exists {index};

-- name: create_index
create index if not exists {index} on {table} ({of}){where};

-- name: create_temporary
-- The page of a set projection, for its one statement. A temporary table is found before any other of its name.
create temporary table {table} ({declared});

-- name: fill_temporary
insert into temp.{table} values ({places});

-- name: drop_temporary
drop table temp.{table};

-- name: select_rows
-- A question's own words follow.
select {columns} from {table};

-- name: load_rows
-- Run once for each key: prepared once, it takes less time than any join with a list of keys.
select {columns} from {table} where {key_is};

-- name: find_rows
-- Run once for each value; they follow the statement select_rows.
where {column} = ?;

-- name: remove_rows
-- Run once for each key.
delete from {table} where {key_is};

-- name: write_rows
-- Run once for each row. An update in place keeps the row where it is and leaves unchanged index entries alone.
insert into {table} ({columns}) values ({places}) on conflict ({key}) do {update};
