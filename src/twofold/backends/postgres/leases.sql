Leases: who runs which subscription. Everything ends by the database's clock, which all workers share.

-- name: create_workers
-- The workers that live, until they have not said so for too long.
create table if not exists twofold_workers (
    id text collate "C" primary key,
    knows text[] not null,
    ends_at timestamptz not null
);

-- name: create_leases
-- Who runs a subscription, and what it said of it last. Room in each page keeps the many updates of few rows there.
create table if not exists twofold_leases (
    name text collate "C" primary key,
    worker text not null,
    ends_at timestamptz not null,
    state text not null,
    rate double precision not null,
    error text
) with (fillfactor = 20);

-- name: create_wishes
-- What operators want done, until it is done or called off.
create table if not exists twofold_wishes (
    name text collate "C" not null,
    verb text collate "C" not null,
    code text not null,
    wished_at timestamptz not null default clock_timestamp(),
    primary key (name, verb)
);

-- name: sign
-- Who could not say so in time lives on, if nobody has taken what he held.
insert into twofold_workers (id, knows, ends_at) values ($1, $2, clock_timestamp() + make_interval(secs => $3))
on conflict (id) do update set knows = excluded.knows, ends_at = excluded.ends_at;

-- name: shorten
-- Who seems to live on for so much longer than others sign for has signed before the clock was set back.
update twofold_workers set ends_at = clock_timestamp() + make_interval(secs => $1)
where ends_at > clock_timestamp() + make_interval(secs => $2);

-- name: shorten_leases
update twofold_leases set ends_at = clock_timestamp() + make_interval(secs => $1)
where ends_at > clock_timestamp() + make_interval(secs => $2);

-- name: renew
-- Which somebody else has taken since is not among them.
update twofold_leases set ends_at = clock_timestamp() + make_interval(secs => $2) where worker = $1;

-- name: report
update twofold_leases l set state = n.state, rate = n.rate, error = n.error
from unnest($2::text[], $3::text[], $4::float8[], $5::text[]) as n (name, state, rate, error)
where l.worker = $1 and l.name = n.name;

-- name: cut_off
-- Whoever holds the lease or a checkpoint of these in a transaction in which he has been silent for half a lease: he is
-- frozen, or his machine is gone, and the server would keep his locks for a minute or two. What a transaction has changed or
-- locked names it in xmax, and pg_locks says whose it is. One that sends rows (COPY) says nothing else for long, and is left.
with held as (
    select l.xmax as transaction from twofold_leases l where l.name = any ($1::text[])
    union all
    select c.xmax from twofold_checkpoints c
    where exists (
        select 1 from unnest($1::text[]) as wanted (name)
        where c.name = wanted.name or (c.name > wanted.name || '#' and c.name < wanted.name || '$')
    )
)
select pg_terminate_backend(a.pid)
from held
join pg_locks k on k.locktype = 'transactionid' and k.transactionid = held.transaction
join pg_stat_activity a on a.pid = k.pid
where a.application_name like 'twofold%' and a.usename = current_user
and a.wait_event = 'ClientRead' and a.query not ilike 'copy %'
and a.state_change < clock_timestamp() - make_interval(secs => $2);

-- name: take
-- Those that nobody holds. A rival that is under way is waited for, and its outcome seen; in order of names, so that two
-- cannot wait for each other.
insert into twofold_leases as l (name, worker, ends_at, state, rate)
select name, $1, clock_timestamp() + make_interval(secs => $2), 'catching up', 0
from unnest($3::text[]) as wanted (name) order by name
on conflict (name) do update
set worker = excluded.worker, ends_at = excluded.ends_at, state = excluded.state, rate = 0, error = null
where l.worker = excluded.worker or l.ends_at <= clock_timestamp()
returning name;

-- name: fence
-- Whoever ran it before is late from here on; with it its partitions. In order of names, as all who hold several.
update twofold_checkpoints c set epoch = c.epoch + 1
from (
    select c.name from twofold_checkpoints c
    where exists (
        select 1 from unnest($1::text[]) as wanted (name)
        where c.name = wanted.name or (c.name > wanted.name || '#' and c.name < wanted.name || '$')
    )
    order by c.name for update
) as held
where c.name = held.name;

-- name: give_back
delete from twofold_leases where worker = $1 and name = any ($2::text[]);

-- name: give_all_back
delete from twofold_leases where worker = $1;

-- name: sign_out
-- With it those that ended without a word.
delete from twofold_workers where id = $1 or ends_at < clock_timestamp() - interval '1 hour';

-- name: leases
select name, worker, extract(epoch from ends_at - clock_timestamp())::float8, state, rate, error from twofold_leases;

-- name: workers
select id, knows from twofold_workers where ends_at > clock_timestamp();

-- name: wishes
select name, verb, code from twofold_wishes order by wished_at, name, verb;

-- name: wish
insert into twofold_wishes (name, verb, code) values ($1, $2, $3)
on conflict (name, verb) do update set code = excluded.code;

-- name: unwish
delete from twofold_wishes where name = $1 and verb = any ($2::text[]);
