-- Snapshots of folded states: a cache, so the table comes into being with its first use and may be dropped at any time.

-- name: create
-- One row per state and fingerprint of the code that folded it, so that two deployments do not fight over it.
create table if not exists twofold_snapshots (
    stream text not null,
    code text not null,
    version integer not null,
    state blob not null,
    primary key (stream, code)
) strict, without rowid;

-- name: load
-- By the whole key.
select version, state from twofold_snapshots where stream = ? and code = ?

-- name: save
-- Never in place of a newer one: a slow process may come late.
insert into twofold_snapshots (stream, code, version, state) values (?, ?, ?, ?)
on conflict (stream, code) do update set version = excluded.version, state = excluded.state
where excluded.version > version

-- name: forget_older
-- Those of other code that are behind this one: old deployments leave nothing for ever.
delete from twofold_snapshots where stream = ? and code <> ? and version < ?
