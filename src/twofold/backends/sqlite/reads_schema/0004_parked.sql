-- Keys of read models that take no events any more, since one that their fold could not take; ``key`` is JSON text.
create table twofold_parked (
    read_model text not null,
    key text not null,
    since integer not null,
    event_type text not null,
    error text not null,
    reason text not null,
    place text not null,
    "group" text not null,
    primary key (read_model, key)
) strict, without rowid;

-- The events that parked keys have not taken: dead letters, by their position in the log.
create table twofold_letters (
    read_model text not null,
    key text not null,
    position integer not null,
    primary key (read_model, key, position)
) strict, without rowid;

-- Letters that were left out on purpose when their key was unparked.
create table twofold_skipped (
    read_model text not null,
    key text not null,
    position integer not null,
    reason text not null,
    skipped_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (read_model, key, position)
) strict, without rowid;
