-- What stopped a subscription, while it stands at that position; ``facts`` is a JSON document.
create table twofold_errors (
    name text primary key not null,
    position integer not null,
    code text not null,
    message text not null,
    facts text not null,
    recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
) strict, without rowid;
