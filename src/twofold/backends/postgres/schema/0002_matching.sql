-- Which events match an item of criteria: any of its types (none: every type) and all of its tags.
-- Every path starts from an index entry. Events of a type or category are compared and ordered as pairs with their
-- position: written as an equality and an order by position alone, the planner may walk the primary key and throw away
-- what is of another type, which for a rare one is the whole log.

-- What an item's search should start from, the shortest list of events after a position: the number of a tag, or 0
-- for the types together, or -1 for the category. The lists are sampled, more and more of them until one ends, most often
-- at once. Where all are longer than the last sample, that whose sample reaches farthest is taken for the thinnest.
create function rarest(types text[], tags text[], category text, after bigint) returns integer
stable language plpgsql as $$
declare
    endless constant bigint := 9223372036854775807;
    best record;
    sample integer;
begin
    if category is null and cardinality(types) = 0 and cardinality(tags) < 2 then
        return case when cardinality(tags) = 1 then 1 else -1 end;
    end if;
    foreach sample in array array[16, 64, 256, 1024, 4096] loop
        select * into best from (
            select g.number::integer as candidate, count(l.position) as entries, max(l.position) as farthest
            from unnest(tags) with ordinality g(tag, number) left join lateral (
                select t.position from event_tags t
                where t.tag = g.tag and t.position > after order by t.position limit sample
            ) l on true
            group by g.number
            union all
            select 0, count(*), max(l.position) from (
                select e.position from unnest(types) named(type) cross join lateral (
                    select e.position from events e
                    where (e.type, e.position) > (named.type, after) and (e.type, e.position) < (named.type, endless)
                    order by e.type, e.position limit sample
                ) e
                order by e.position limit sample
            ) l
            having cardinality(types) > 0
            union all
            select -1, count(*), max(l.position) from (
                select e.position from events e
                where (split_part(e.stream, '-', 1), e.position) > (category, after)
                  and (split_part(e.stream, '-', 1), e.position) < (category, endless)
                order by split_part(e.stream, '-', 1), e.position limit sample
            ) l
            having category is not null
        ) sampled
        order by sampled.entries, sampled.farthest desc, sampled.candidate desc limit 1;
        exit when best.entries < sample;
    end loop;
    return best.candidate;
end $$;

-- The first positions after `after` that match an item and, if given, belong to a category.
create function matching(types text[], tags text[], category text, after bigint, count_max bigint)
returns setof bigint stable language plpgsql as $$
declare
    endless constant bigint := 9223372036854775807;
    driver integer := rarest(types, tags, category, after);
    others text[] := case when driver > 0 then array_remove(tags, tags[driver]) else tags end;
begin
    if driver > 0 then
        return query select t.position from event_tags t
            where t.tag = tags[driver] and t.position > after
              and (cardinality(types) = 0 or t.type = any (types))
              and (cardinality(others) = 0 or cardinality(others) = (
                  select count(*) from event_tags o where o.tag = any (others) and o.position = t.position
              ))
              and (category is null or category = (
                  select split_part(e.stream, '-', 1) from events e where e.position = t.position
              ))
            order by t.position limit count_max;
    elsif driver = 0 then
        return query select found.position
            from unnest(types) named(type) cross join lateral (
                select e.position from events e
                where (e.type, e.position) > (named.type, after) and (e.type, e.position) < (named.type, endless)
                  and (cardinality(others) = 0 or cardinality(others) = (
                      select count(*) from event_tags o where o.tag = any (others) and o.position = e.position
                  ))
                  and (category is null or split_part(e.stream, '-', 1) = category)
                order by e.type, e.position limit count_max
            ) found
            order by found.position limit count_max;
    else
        return query select e.position from events e
            where (split_part(e.stream, '-', 1), e.position) > (category, after)
              and (split_part(e.stream, '-', 1), e.position) < (category, endless)
              and (cardinality(types) = 0 or e.type = any (types))
              and (cardinality(others) = 0 or cardinality(others) = (
                  select count(*) from event_tags o where o.tag = any (others) and o.position = e.position
              ))
            order by split_part(e.stream, '-', 1), e.position limit count_max;
    end if;
end $$;

-- The newest position after `after` that matches an item; null if there is none.
create function newest_match(types text[], tags text[], after bigint) returns bigint stable language plpgsql as $$
declare
    endless constant bigint := 9223372036854775807;
    near constant bigint := 2048;
    driver integer;
    others text[];
begin
    -- Most conditions are about the last few events. There, to put the lists of the tags together costs less than to
    -- find out which of them is the shortest.
    if cardinality(tags) > 1 and (select e.position from events e order by e.position desc limit 1) <= after + near then
        return (
            select t.position from event_tags t
            where t.tag = any (tags) and t.position > after and (cardinality(types) = 0 or t.type = any (types))
            group by t.position having count(*) = cardinality(tags)
            order by t.position desc limit 1
        );
    end if;
    driver := rarest(types, tags, null, after);
    others := case when driver > 0 then array_remove(tags, tags[driver]) else tags end;
    if driver > 0 then
        return (
            select t.position from event_tags t
            where t.tag = tags[driver] and t.position > after
              and (cardinality(types) = 0 or t.type = any (types))
              and (cardinality(others) = 0 or cardinality(others) = (
                  select count(*) from event_tags o where o.tag = any (others) and o.position = t.position
              ))
            order by t.position desc limit 1
        );
    elsif driver = 0 then
        return (
            select max(found.position)
            from unnest(types) named(type) cross join lateral (
                select e.position from events e
                where (e.type, e.position) > (named.type, after) and (e.type, e.position) < (named.type, endless)
                  and (cardinality(others) = 0 or cardinality(others) = (
                      select count(*) from event_tags o where o.tag = any (others) and o.position = e.position
                  ))
                order by e.type desc, e.position desc limit 1
            ) found
        );
    end if;
    return (select e.position from events e where e.position > after order by e.position desc limit 1);
end $$;
