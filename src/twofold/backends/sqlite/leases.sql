-- Leases: who runs which subscription. Lists of names come as JSON arrays.

-- name: sign
-- Who could not say so in time lives on, if nobody has taken what he held.
insert into twofold_workers (id, knows, ends_at) values (?, ?, unixepoch('subsec') + ?)
on conflict (id) do update set knows = excluded.knows, ends_at = excluded.ends_at;

-- name: shorten
-- Who seems to live on for so much longer than others sign for has signed before the clock was set back.
update twofold_workers set ends_at = unixepoch('subsec') + ?1 where ends_at > unixepoch('subsec') + ?2;

-- name: shorten_leases
update twofold_leases set ends_at = unixepoch('subsec') + ?1 where ends_at > unixepoch('subsec') + ?2;

-- name: renew
-- Which somebody else has taken since is not among them.
update twofold_leases set ends_at = unixepoch('subsec') + ?2 where worker = ?1;

-- name: report
update twofold_leases set state = ?2, rate = ?3, error = ?4 where name = ?1 and worker = ?5;

-- name: take
-- Those that nobody holds.
insert into twofold_leases as l (name, worker, ends_at, state, rate)
select value, ?1, unixepoch('subsec') + ?2, 'catching up', 0.0 from json_each(?3) where true
on conflict (name) do update
set worker = excluded.worker, ends_at = excluded.ends_at, state = excluded.state, rate = 0.0, error = null
where l.worker = excluded.worker or l.ends_at <= unixepoch('subsec')
returning name;

-- name: fence
-- Whoever ran it before is late from here on; with it its partitions.
update twofold_checkpoints set epoch = epoch + 1
where exists (select 1 from json_each(?) where name = value or (name > value || '#' and name < value || '$'));

-- name: give_back
delete from twofold_leases where worker = ? and name in (select value from json_each(?));

-- name: give_all_back
delete from twofold_leases where worker = ?;

-- name: sign_out
-- With it those that ended without a word.
delete from twofold_workers where id = ? or ends_at < unixepoch('subsec') - 3600;

-- name: leases
select name, worker, ends_at - unixepoch('subsec'), state, rate, error from twofold_leases;

-- name: workers
select id, knows from twofold_workers where ends_at > unixepoch('subsec');

-- name: wishes
select name, verb, code from twofold_wishes order by wished_at, name, verb;

-- name: wish
insert into twofold_wishes (name, verb, code, wished_at) values (?, ?, ?, unixepoch('subsec'))
on conflict (name, verb) do update set code = excluded.code;

-- name: unwish
delete from twofold_wishes where name = ? and verb in (select value from json_each(?));
