-- The log of one store. Names are unqualified: the connection's search_path says in which schema they live.

-- One row, and the lock that gives events their order: every append takes it first. It is locked but hardly ever
-- written, so that a long transaction elsewhere cannot make it grow dead versions that each append must step over;
-- the head's position is that of the newest event, which an index gives in one step.
create table head (
    only_row boolean primary key default true check (only_row),
    store_id uuid not null default gen_random_uuid(),
    epoch bigint not null default 1,
    largest bigint not null default 0  -- Bytes of the largest event (data and metadata): never less, perhaps more.
) with (fillfactor = 10);
insert into head default values;

create table events (
    position bigint primary key check (position > 0),
    stream text collate "C" not null,
    version bigint not null check (version > 0),
    type text collate "C" not null,
    schema integer not null,
    data bytea not null,      -- JSON as it came. Not jsonb, which rewrites numbers and the order of keys,
    metadata bytea not null   -- and not json, which would take \u0000 and then fail to read it.
);
create unique index events_by_stream on events (stream, version);
create index events_by_type on events (type, position);
create index events_by_category on events ((split_part(stream, '-', 1)), position);

-- The type stands inside the index, so that a criterion "tag and type" needs nothing else.
create table event_tags (
    tag text collate "C" not null,
    position bigint not null,
    type text collate "C" not null,
    primary key (tag, position) include (type)
);

-- What each idempotency key answered: positions first … last, or last = first - 1 for an append without events.
create table receipts (
    key text collate "C" primary key,
    digest bytea not null,
    first bigint not null,
    last bigint not null
);

create table snapshots (
    stream text collate "C" not null,
    code text collate "C" not null,
    version bigint not null,
    state bytea not null,
    primary key (stream, code)
);

-- For psql and BI tools.
create view events_readable as
select position, stream, version, type, schema,
       convert_from(data, 'UTF8')::json as data,
       convert_from(metadata, 'UTF8')::json as metadata
from events;

-- Append-only, for the owner of the tables too, and also where replication applies changes.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'The log is append-only: % on %.% is refused', tg_op, tg_table_schema, tg_table_name
        using errcode = 'restrict_violation', hint = 'Append an event that corrects instead.';
end $$;

create trigger append_only before update or delete or truncate on events
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on event_tags
    for each statement execute function refuse_change();
create trigger append_only before update or delete or truncate on receipts
    for each statement execute function refuse_change();
create trigger one_row before delete or truncate on head
    for each statement execute function refuse_change();
alter table events enable always trigger append_only;
alter table event_tags enable always trigger append_only;
alter table receipts enable always trigger append_only;
alter table head enable always trigger one_row;
