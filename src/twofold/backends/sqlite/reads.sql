-- Read models: checkpoints, what the tables were made from, and the tables themselves. What stands in braces comes from
-- their definitions (tables.py): plain names from the code, never a value.

-- name: checkpoints
-- With those of their partitions, whose names go on with # (and $ comes right after it). The names come as a JSON array.
select name, position, store_id, log_epoch, event_position, event_id, epoch
from json_each(?) join twofold_checkpoints on name = value or (name > value || '#' and name < value || '$');

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

-- name: notes
-- Why subscriptions stopped. The names come as a JSON array.
select name, position, code, message, facts from twofold_errors where name in (select value from json_each(?));

-- name: remove_note
delete from twofold_errors where name = ?;

-- name: remove_notes
-- Those of its partitions, too.
delete from twofold_errors where name = ?1 or (name > ?1 || '#' and name < ?1 || '$');

-- name: write_note
-- When, is said by the database.
insert or replace into twofold_errors (name, position, code, message, facts) values (?, ?, ?, ?, ?);

-- name: has_table
-- A log has ours from its first strong read model on. What others have written in capitals is the same table here.
select exists (select 1 from sqlite_schema where type = 'table' and name = ? collate nocase);

-- name: definition
-- The definition under which a table was made (null: not by us), and whether it is there.
select (select definition from twofold_read_models where name = ?1),
       exists (select 1 from sqlite_schema where type in ('table', 'view') and name = ?1 collate nocase);

-- name: forget_checkpoint
-- A table that is made anew is filled from the first event on.
delete from twofold_checkpoints where name = ?1 or (name > ?1 || '#' and name < ?1 || '$');

-- name: family
-- A subscription's own checkpoint and those of its partitions.
select name, position, epoch from twofold_checkpoints where name = ?1 or (name > ?1 || '#' and name < ?1 || '$');

-- name: forget_partitions
delete from twofold_checkpoints where name > ?1 || '#' and name < ?1 || '$';

-- name: set_checkpoint
insert or replace into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
values (?, ?, ?, ?, ?, ?, ?);

-- name: remember_definition
-- In the transaction that makes the table.
insert into twofold_read_models (name, definition) values (?, ?)
on conflict (name) do update set definition = excluded.definition;

-- name: create_table
-- STRICT, so that a column holds what it says.
create table {table} ({declared}, primary key ({key})) strict;

-- name: create_searchable_table
-- Rows have a number of their own, which their words point to: without one, VACUUM could number them anew. The table of
-- words keeps none of them itself; it has short beginnings ready, and follows a row only when its words change. Its
-- tokenizer splits at spaces, and takes everything that we call a letter or digit for one.
create table {table} (
    twofold_id integer primary key, {declared}, {words} text not null default '', unique ({key})
) strict;
drop table if exists {search};
create virtual table {search} using fts5 (
    {words}, content = {table}, content_rowid = twofold_id, tokenize = ascii, prefix = '1 2 3', columnsize = 0, detail = none
);

-- name: create_search_triggers
-- They follow a row only when its words change.
create trigger {inserted} after insert on {table} begin
    insert into {search} (rowid, {words}) values (new.twofold_id, new.{words});
end;
create trigger {deleted} after delete on {table} begin
    insert into {search} ({search}, rowid, {words}) values ('delete', old.twofold_id, old.{words});
end;
create trigger {changed} after update of {words} on {table} when old.{words} <> new.{words} begin
    insert into {search} ({search}, rowid, {words}) values ('delete', old.twofold_id, old.{words});
    insert into {search} (rowid, {words}) values (new.twofold_id, new.{words});
end;

-- name: fill_search
-- From the rows as they are: a thirtieth of the time that it takes to follow as many, one by one.
insert into {search} ({search}) values ('rebuild');

-- name: search_triggers
select name from sqlite_schema where type = 'trigger' and tbl_name = ? and name like 'twofold_search_%';

-- name: drop_trigger
drop trigger {trigger};

-- name: rename_table
alter table {table} rename to {other};

-- name: drop_table
drop table if exists {table};

-- name: made
-- What statements have made, in their order. SQLite itself makes the rest.
select type, name, sql from sqlite_schema where sql is not null and name not like 'sqlite\_%' escape '\' order by rowid;

-- name: rows_of
select * from {table};

-- name: shape
-- The columns of a table, and the place of each in its primary key (0: it is not in it). Hidden ones are not rows'.
select name, pk from pragma_table_xinfo(?, 'main') where hidden <> 1 order by cid;

-- name: lines
-- Rows as literals, so that 1 and '1' are two things.
select {columns} from {table} order by {order};

-- name: insert_row
insert into {table} values ({places});

-- name: rename_checkpoint
-- With those of its partitions. The epoch fences whoever ran it under either name.
update twofold_checkpoints set name = ?1 || substr(name, length(?3) + 1), epoch = ?2
where name = ?3 or (name > ?3 || '#' and name < ?3 || '$');

-- name: split_checkpoint
insert into twofold_checkpoints (name, position, store_id, log_epoch, event_position, event_id, epoch)
select ?1, position, store_id, log_epoch, event_position, event_id, epoch from twofold_checkpoints where name = ?2;

-- name: rename_parked
update twofold_parked set read_model = ? where read_model = ?;

-- name: rename_letters
update twofold_letters set read_model = ? where read_model = ?;

-- name: rename_definition
update twofold_read_models set name = ? where name = ?;

-- name: forget_definition
delete from twofold_read_models where name = ?;

-- name: definitions
-- Those of SQL projections (the second names) are not called like a table.
select name, definition from twofold_read_models
where name in (select value from json_each(?)) and name in (select name from sqlite_schema where type = 'table')
    or name in (select value from json_each(?));

-- name: generations
select subscription, number, code, state, tables from twofold_generations
where subscription in (select value from json_each(?)) order by subscription, number;

-- name: enter_generation
insert into twofold_generations (subscription, number, code, state, tables) values (?, ?, ?, ?, ?)
on conflict do nothing;

-- name: change_generation
update twofold_generations
set code = ?, state = ?, tables = ?, changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
where subscription = ? and number = ?;

-- name: set_generation
update twofold_generations set state = ?, changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
where subscription = ? and number = ?;

-- name: made_by_others
-- Indexes and triggers of a table that are not of its search.
select sql from sqlite_schema
where tbl_name = ? and type in ('index', 'trigger') and sql is not null and name not like 'twofold_search_%';

-- name: give_up
-- It is kept beside the log from now on, and filled from there.
drop table if exists {search};
drop table if exists {table};

-- name: set_aside
-- A table that begins to be searchable, or ends to, has another shape.
create table twofold_set_aside as select {columns} from {table};
drop table if exists {search};
drop table {table};

-- name: rows_set_aside
select {columns} from twofold_set_aside;

-- name: forget_set_aside
drop table twofold_set_aside;

-- name: add_column
-- Takes no time whatever the number of rows: both databases answer with the default for rows that are older. It stays,
-- so that a process that still runs the older code can write.
alter table {table} add column {declared} default {default};

-- name: drop_index
drop index if exists {index};

-- name: create_index
create index if not exists {index} on {table} ({of}){where};

-- name: park
insert into twofold_parked (read_model, key, since, event_type, error, reason, place, "group")
values (?, ?, ?, ?, ?, ?, ?, ?);

-- name: keep_letters
insert into twofold_letters (read_model, key, position) values (?, ?, ?);

-- name: parked
select read_model, key, since, event_type, error, reason, place, "group" from twofold_parked
where read_model in (select value from json_each(?)) order by read_model, since, key;

-- name: letters
select position from twofold_letters where read_model = ? and key = ? order by position;

-- name: fence
-- Whoever runs the subscription is late from here on, and reads anew what is parked.
update twofold_checkpoints set epoch = epoch + 1 where name = ? and epoch = ?;

-- name: skipped
select read_model, key, position from twofold_skipped where read_model in (select value from json_each(?));

-- name: forget_letters
delete from twofold_letters where read_model = ? and key = ?;

-- name: unpark
delete from twofold_parked where read_model = ? and key = ?;

-- name: forget_every_parked
delete from twofold_parked where read_model = ?;

-- name: forget_every_letter
delete from twofold_letters where read_model = ?;

-- name: skip
insert or replace into twofold_skipped (read_model, key, position, reason) values (?, ?, ?, ?);

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

-- name: matches
-- What is searched for follows, and a bracket.
twofold_id in (select rowid from {search} where {search} match;

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
insert into {table} ({written}) values ({places}) on conflict ({key}) do {update};
