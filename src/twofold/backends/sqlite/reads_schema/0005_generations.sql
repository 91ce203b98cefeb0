-- Every build of the read models that share a subscription; ``tables`` is a JSON array of their names.
create table twofold_generations (
    subscription text not null,
    number integer not null,
    code text not null,
    state text not null,
    tables text not null,
    started_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    changed_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    primary key (subscription, number)
) strict, without rowid;
