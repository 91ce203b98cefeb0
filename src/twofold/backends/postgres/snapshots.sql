Snapshots: a cache that may be lost at any time.

-- name: load
select version, state from snapshots where stream = $1 and code = $2;

-- name: save
-- Never in place of a newer one: somebody slow must not undo what somebody quick has kept.
insert into snapshots (stream, code, version, state) values ($1, $2, $3, $4)
on conflict (stream, code) do update set version = excluded.version, state = excluded.state
where snapshots.version < excluded.version;
