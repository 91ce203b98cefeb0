-- The second file, beside the log: read models and how far they have come. All of it can be made again.

-- How far each subscription has come. It moves in the transaction that writes the rows, by compare-and-set on
-- (position, epoch). The other columns say of which log, and what the newest event was that took effect.
create table twofold_checkpoints (
    name text primary key not null,
    position integer not null,
    epoch integer not null,
    store_id text not null,
    log_epoch integer not null,
    event_position integer not null,
    event_id text not null
) strict, without rowid;

-- What the tables of the read models were made from, so that a changed definition is found out.
create table twofold_read_models (
    name text primary key not null,
    definition text not null
) strict, without rowid;
