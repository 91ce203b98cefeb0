-- Which events match an item of criteria: any of its types (none: every type) and all of its tags.
-- Every path starts from an index entry. Sub-selects end in a limit so that the planner keeps them as they are written.

-- What an item's search should start from, the shortest list of events after a position: the number of a tag, or 0
-- for the types together, or -1 for the category. Each list is sampled. One that ends within its sample is known
-- exactly; of longer ones, that whose sample reaches farthest is the thinnest.
create function rarest(types text[], tags text[], category text, after bigint) returns integer
stable language plpgsql as $$
begin
    if category is null and cardinality(types) = 0 and cardinality(tags) < 2 then
        return case when cardinality(tags) = 1 then 1 else -1 end;
    end if;
    return (
        select sampled.candidate from (
            select g.number::integer as candidate, count(l.position) as entries, max(l.position) as farthest
            from unnest(tags) with ordinality g(tag, number) left join lateral (
                select t.position from event_tags t
                where t.tag = g.tag and t.position > after order by t.position limit 128
            ) l on true
            group by g.number
            union all
            select 0, count(*), max(l.position) from (
                select e.position from unnest(types) named(type) cross join lateral (
                    select e.position from events e
                    where e.type = named.type and e.position > after order by e.position limit 128
                ) e
                order by e.position limit 128
            ) l
            having cardinality(types) > 0
            union all
            select -1, count(*), max(l.position) from (
                select e.position from events e
                where split_part(e.stream, '-', 1) = category and e.position > after order by e.position limit 128
            ) l
            having category is not null
        ) sampled
        order by sampled.entries, sampled.farthest desc, sampled.candidate desc limit 1
    );
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
