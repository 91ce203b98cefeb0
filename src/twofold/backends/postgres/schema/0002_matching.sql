-- Which events match an item of criteria: any of its types (none: every type) and all of its tags.
-- Every path starts from an index entry. Sub-selects end in a limit so that the planner keeps them as they are written.

-- What an item's search should start from, the shortest list of events after a position: the number of a tag, or 0
-- for the types together, or -1 for the category. Short samples decide nearly always; only where all lists are long
-- they are counted further, up to 8192 entries.
create function rarest(types text[], tags text[], category text, after bigint) returns integer
stable language plpgsql as $$
declare
    answer integer := case when cardinality(tags) > 0 then 1 when cardinality(types) > 0 then 0 else -1 end;
    candidates integer := cardinality(tags) + (cardinality(types) > 0)::integer + (category is not null)::integer;
    sample integer := 32;
    fewest integer := 32;
    entries integer;
begin
    while candidates > 1 loop
        for number in 1 .. cardinality(tags) loop
            select count(*) into entries from (
                select from event_tags t where t.tag = tags[number] and t.position > after limit sample
            ) sampled;
            if entries < fewest then
                fewest := entries;
                answer := number;
            end if;
        end loop;
        if cardinality(types) > 0 then
            select count(*) into entries from (
                select from unnest(types) named(type) cross join lateral (
                    select from events e where e.type = named.type and e.position > after limit sample
                ) listed limit sample
            ) sampled;
            if entries < fewest then
                fewest := entries;
                answer := 0;
            end if;
        end if;
        if category is not null then
            select count(*) into entries from (
                select from events e
                where split_part(e.stream, '-', 1) = category and e.position > after limit sample
            ) sampled;
            if entries < fewest then
                fewest := entries;
                answer := -1;
            end if;
        end if;
        exit when fewest < sample or sample >= 8192;
        sample := sample * 16;
        fewest := sample;
    end loop;
    return answer;
end $$;

-- Whether an event carries all of these tags.
create function carries(event bigint, tags text[]) returns boolean stable language sql as $$
    select (select count(*) from event_tags t where t.tag = any (tags) and t.position = event) = cardinality(tags)
$$;

create function is_of(event bigint, category text) returns boolean stable language sql as $$
    select (select split_part(e.stream, '-', 1) from events e where e.position = event) = category
$$;

-- The first positions after `after` that match an item and, if given, belong to a category.
create function matching(types text[], tags text[], category text, after bigint, count_max bigint)
returns setof bigint stable language plpgsql as $$
declare
    driver integer := rarest(types, tags, category, after);
begin
    if driver > 0 then
        return query select t.position from event_tags t
            where t.tag = tags[driver] and t.position > after
              and (cardinality(types) = 0 or t.type = any (types))
              and (cardinality(tags) = 1 or carries(t.position, tags))
              and (category is null or is_of(t.position, category))
            order by t.position limit count_max;
    elsif driver = 0 then
        return query select found.position
            from unnest(types) named(type) cross join lateral (
                select e.position from events e
                where e.type = named.type and e.position > after
                  and (cardinality(tags) = 0 or carries(e.position, tags))
                  and (category is null or split_part(e.stream, '-', 1) = category)
                order by e.position limit count_max
            ) found
            order by found.position limit count_max;
    else
        return query select e.position from events e
            where split_part(e.stream, '-', 1) = category and e.position > after
              and (cardinality(types) = 0 or e.type = any (types))
              and (cardinality(tags) = 0 or carries(e.position, tags))
            order by e.position limit count_max;
    end if;
end $$;

-- The newest position after `after` that matches an item; null if there is none.
create function newest_match(types text[], tags text[], after bigint) returns bigint stable language plpgsql as $$
declare
    driver integer := rarest(types, tags, null, after);
begin
    if driver > 0 then
        return (
            select t.position from event_tags t
            where t.tag = tags[driver] and t.position > after
              and (cardinality(types) = 0 or t.type = any (types))
              and (cardinality(tags) = 1 or carries(t.position, tags))
            order by t.position desc limit 1
        );
    elsif driver = 0 then
        return (
            select max(found.position)
            from unnest(types) named(type) cross join lateral (
                select e.position from events e
                where e.type = named.type and e.position > after
                  and (cardinality(tags) = 0 or carries(e.position, tags))
                order by e.position desc limit 1
            ) found
        );
    end if;
    return (select e.position from events e where e.position > after order by e.position desc limit 1);
end $$;
