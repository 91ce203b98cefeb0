-- The workers that live, until they have not said so for too long; ``knows`` is a JSON array. Times are seconds since 1970
-- by the clock of this machine, which all who share the file share.
create table twofold_workers (
    id text primary key not null,
    knows text not null,
    ends_at real not null
) strict, without rowid;

-- Who runs a subscription, and what it said of it last.
create table twofold_leases (
    name text primary key not null,
    worker text not null,
    ends_at real not null,
    state text not null,
    rate real not null,
    error text
) strict, without rowid;

-- What operators want done, until it is done or called off.
create table twofold_wishes (
    name text not null,
    verb text not null,
    code text not null,
    wished_at real not null,
    primary key (name, verb)
) strict, without rowid;
