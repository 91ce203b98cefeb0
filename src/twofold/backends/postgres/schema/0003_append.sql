-- Appending: each function takes the head's row first and does everything in one round trip and one transaction.
-- Verdicts: 0 appended, 1 replayed, 2 key reused, 3 stream conflict, 4 criteria conflict.

-- Run when a setting makes positions or durability unsafe. The log must see what was committed while it waited for
-- the head, which only READ COMMITTED shows, and what it acknowledges must be on disk.
create function refuse_unsafe() returns void language plpgsql as $$
begin
    raise exception 'An append needs READ COMMITTED and synchronous_commit (isolation: %, synchronous_commit: %)',
        current_setting('transaction_isolation'), current_setting('synchronous_commit')
        using errcode = 'TF001', hint = 'Set synchronous_commit to on, remote_apply, remote_write or local, '
        'and do not change the isolation level of these connections.';
end $$;

-- Takes the head. From here to the end of the transaction nobody else appends, and every statement that begins after
-- this one sees what was committed before.
create function take_head(bytes bigint) returns void language plpgsql as $$
declare
    largest_yet bigint;
begin
    if current_setting('transaction_isolation') <> 'read committed'
       or current_setting('synchronous_commit') = 'off' then
        perform refuse_unsafe();
    end if;
    select largest into largest_yet from head for update;
    if bytes > largest_yet then
        update head set largest = bytes;
    end if;
end $$;

-- One append of one event without conditions, the most frequent of all: no arrays, no joins, few statements.
-- `expected` null means any version. Answers: verdict, first and last position, version of the stream (the new one,
-- or the one found in a conflict).
create function append_one(
    new_stream text, expected bigint, new_type text, new_schema integer, new_data bytea, new_metadata bytea,
    tags text[], new_key text, new_digest bytea
) returns bigint[] language plpgsql as $$
declare
    place bigint;
    reached bigint;
    known bytea;
begin
    perform take_head(octet_length(new_data) + octet_length(new_metadata));
    select coalesce((select e.position from events e order by e.position desc limit 1), 0) + 1,
           coalesce((select e.version from events e where e.stream = new_stream order by e.version desc limit 1), 0),
           (select r.digest from receipts r where r.key = new_key)
    into place, reached, known;
    if known is not null then
        return (
            select array[case when known = new_digest then 1 else 2 end, r.first, r.last, 0]
            from receipts r where r.key = new_key
        );
    elsif reached <> expected then
        return array[3, 0, 0, reached];
    end if;
    insert into events values (place, new_stream, reached + 1, new_type, new_schema, new_data, new_metadata);
    if cardinality(tags) > 0 then
        insert into event_tags select t.tag, place, new_type from unnest(tags) t(tag);
    end if;
    if new_key is not null then
        insert into receipts values (new_key, new_digest, place, place);
    end if;
    return array[0, place, place, reached + 1];
end $$;

-- A run of appends of which none depends on another, judged and written set by set.
--
-- An append is known by its number in the run, from 1. Of its arrays: `event_counts` says how many events each append
-- has; a touch is a stream that an append writes to or expects (null: any version); an event names its append, its
-- touch and its place among the events of the run in this stream; a tag names its event; an item of a condition holds
-- its types and tags as array literals, because arrays of arrays would all have to be of one length.
--
-- Answers: the position before the run; a verdict per append with what it needs (1: first and last position of the
-- receipt; 3: touch and version found; 4: condition and position found); and the version of each touch before the run.
create function append_run(
    bytes bigint,
    keys text[], digests bytea[], event_counts integer[],
    touch_append integer[], touch_stream text[], touch_expected bigint[],
    event_append integer[], event_touch integer[], event_offset integer[],
    event_stream text[], event_type text[], event_schema integer[], event_data bytea[], event_metadata bytea[],
    tag_event integer[], tag text[],
    item_append integer[], item_condition integer[], item_after bigint[], item_types text[], item_tags text[],
    out newest bigint, out verdicts smallint[], out firsts bigint[], out seconds bigint[], out versions bigint[]
) language plpgsql as $$
declare
    judged record;
    -- Where appends were refused: each event's rank among the accepted ones, 0 for none. Null means all as they come.
    ranks bigint[];
begin
    perform take_head(bytes);
    newest := coalesce((select e.position from events e order by e.position desc limit 1), 0);
    verdicts := array_fill(0::smallint, array[cardinality(keys)]);
    firsts := array_fill(0::bigint, array[cardinality(keys)]);
    seconds := firsts;

    for judged in
        select k.number, r.digest = digests[k.number] as same, r.first, r.last
        from unnest(keys) with ordinality k(key, number)
        cross join lateral (select * from receipts r where r.key = k.key limit 1) r
    loop
        verdicts[judged.number] := case when judged.same then 1 else 2 end;
        firsts[judged.number] := judged.first;
        seconds[judged.number] := judged.last;
    end loop;

    versions := array(
        select coalesce((select e.version from events e where e.stream = t.stream order by e.version desc limit 1), 0)
        from unnest(touch_stream) with ordinality t(stream, number) order by t.number
    );
    for judged in
        select t.append, t.number, t.version
        from unnest(touch_append, touch_expected, versions) with ordinality t(append, expected, version, number)
        where t.expected <> t.version order by t.number
    loop
        if verdicts[judged.append] = 0 then
            verdicts[judged.append] := 3;
            firsts[judged.append] := judged.number;
            seconds[judged.append] := judged.version;
        end if;
    end loop;

    if cardinality(item_append) > 0 then
        -- Nearly every item has a tag with no event after its position; only the others are looked at closely.
        for judged in
            select i.append, i.condition, max(i.position) as position from (
                select i.append, i.condition, case when i.after < newest and not exists (
                    select from unnest(i.tags::text[]) t(tag) where (
                        select e.position from event_tags e
                        where e.tag = t.tag and e.position > i.after order by e.position limit 1
                    ) is null
                ) then newest_match(i.types::text[], i.tags::text[], i.after) end as position
                from unnest(item_append, item_condition, item_after, item_types, item_tags)
                    i(append, condition, after, types, tags)
                offset 0  -- Or else the planner works out each match twice.
            ) i
            where i.position is not null group by i.append, i.condition order by i.append, i.condition
        loop
            if verdicts[judged.append] = 0 then
                verdicts[judged.append] := 4;
                firsts[judged.append] := judged.condition;
                seconds[judged.append] := judged.position;
            end if;
        end loop;
    end if;

    if not 0 = all (verdicts) then
        -- Numbers the events of accepted appends anew, as if the others had not been there.
        select array_agg(case when e.accepted then e.rank else 0 end order by e.number),
               array_agg(e.place order by e.number)
        into ranks, event_offset
        from (
            select e.number, verdicts[e.append] = 0 as accepted,
                   count(*) filter (where verdicts[e.append] = 0) over (order by e.number) as rank,
                   count(*) filter (where verdicts[e.append] = 0) over (partition by e.stream order by e.number) as place
            from unnest(event_append, event_stream) with ordinality e(append, stream, number)
        ) e;
        event_counts := array(
            select case when verdicts[c.number] = 0 then c.events else 0 end
            from unnest(event_counts) with ordinality c(events, number) order by c.number
        );
    end if;

    insert into events
    select newest + coalesce(ranks[e.number], e.number), e.stream, versions[e.touch] + e.place,
           e.type, e.schema, e.data, e.metadata
    from unnest(event_touch, event_offset, event_stream, event_type, event_schema, event_data, event_metadata)
        with ordinality e(touch, place, stream, type, schema, data, metadata, number)
    where ranks is null or ranks[e.number] > 0;

    if cardinality(tag) > 0 then
        insert into event_tags
        select t.tag, newest + coalesce(ranks[t.event], t.event), event_type[t.event]
        from unnest(tag, tag_event) t(tag, event)
        where ranks is null or ranks[t.event] > 0;
    end if;

    insert into receipts
    select a.key, a.digest, newest + a.last - a.events + 1, newest + a.last
    from (
        select a.*, sum(a.events) over (order by a.number) as last
        from unnest(keys, digests, event_counts) with ordinality a(key, digest, events, number)
    ) a
    where a.key is not null and verdicts[a.number] = 0;
end $$;

-- Several runs, one after the other, in one transaction. `ends` holds five numbers for each run: where it ends in the
-- arrays of appends, touches, events, tags and items.
create function append_runs(
    ends integer[], bytes bigint,
    keys text[], digests bytea[], event_counts integer[],
    touch_append integer[], touch_stream text[], touch_expected bigint[],
    event_append integer[], event_touch integer[], event_offset integer[],
    event_stream text[], event_type text[], event_schema integer[], event_data bytea[], event_metadata bytea[],
    tag_event integer[], tag text[],
    item_append integer[], item_condition integer[], item_after bigint[], item_types text[], item_tags text[],
    out newest bigint, out verdicts smallint[], out firsts bigint[], out seconds bigint[], out versions bigint[]
) returns setof record language plpgsql as $$
declare
    a integer := 1;  -- Where the run begins: appends, touches, events, tags, items; and where it ends.
    t integer := 1;
    e integer := 1;
    g integer := 1;
    i integer := 1;
    z integer[];
begin
    foreach z slice 1 in array ends loop
        return query select * from append_run(
            bytes,
            keys[a:z[1]], digests[a:z[1]], event_counts[a:z[1]],
            touch_append[t:z[2]], touch_stream[t:z[2]], touch_expected[t:z[2]],
            event_append[e:z[3]], event_touch[e:z[3]], event_offset[e:z[3]],
            event_stream[e:z[3]], event_type[e:z[3]], event_schema[e:z[3]], event_data[e:z[3]], event_metadata[e:z[3]],
            tag_event[g:z[4]], tag[g:z[4]],
            item_append[i:z[5]], item_condition[i:z[5]], item_after[i:z[5]], item_types[i:z[5]], item_tags[i:z[5]]
        );
        a := z[1] + 1;
        t := z[2] + 1;
        e := z[3] + 1;
        g := z[4] + 1;
        i := z[5] + 1;
    end loop;
end $$;
