-- The log. Tables are STRICT and columns NOT NULL, because SQLite otherwise puts text into integers and NULL into keys.

create table events (
    -- Drawn by the one writer as the newest plus one, never by the database: a rowid of its own choice has gaps.
    position integer primary key check (position > 0),
    stream text not null,
    version integer not null check (version > 0),
    type text not null,
    schema integer not null,
    data blob not null,
    metadata blob not null
) strict;

create unique index events_by_stream on events (stream, version);

-- An index on a column ends in the position by itself, so these two are (type, position) and (category, position).
create index events_by_type on events (type);
create index events_by_category on events (substr(stream, 1, instr(stream, '-') - 1));

-- The type stands here too: a condition on tags and types is answered without a look at the events.
create table event_tags (
    tag text not null,
    position integer not null,
    type text not null,
    primary key (tag, position)
) strict, without rowid;

-- What each idempotency key was answered; an append without events has first = last + 1.
create table receipts (
    key text primary key not null,
    digest blob not null,
    first integer not null,
    last integer not null
) strict, without rowid;

-- Which log this is, and the bytes of its largest event: pages of small events need no counting of bytes.
create table store (
    only integer primary key check (only = 1),
    id text not null,
    epoch integer not null,
    largest integer not null
) strict;

-- For people and other tools: JSON as text.
create view events_readable as
select position, stream, version, type, schema, cast(data as text) as data, cast(metadata as text) as metadata
from events;

create trigger events_are_never_updated before update on events
begin select raise(abort, 'the log is append-only: events are never updated'); end;
create trigger events_are_never_deleted before delete on events
begin select raise(abort, 'the log is append-only: events are never deleted'); end;
create trigger event_tags_are_never_updated before update on event_tags
begin select raise(abort, 'the log is append-only: tags are never updated'); end;
create trigger event_tags_are_never_deleted before delete on event_tags
begin select raise(abort, 'the log is append-only: tags are never deleted'); end;
create trigger receipts_are_never_updated before update on receipts
begin select raise(abort, 'the log is append-only: receipts are never updated'); end;
create trigger receipts_are_never_deleted before delete on receipts
begin select raise(abort, 'the log is append-only: receipts are never deleted'); end;

insert into store (only, id, epoch, largest) values (1, lower(hex(randomblob(16))), 1, 0);
