Reading. Each statement answers first with a row that is no event: (bytes of the largest event, '', head, …), taken from
the same snapshot as the events after it. Positions follow the order of commits, so a snapshot holds everything up to
its head. One event more than asked for tells whether there are more.

-- name: log
-- The primary key, in order.
select position, stream, version, type, schema, data, metadata from events
where position > $1 order by position limit $2

-- name: share
-- As above, of the streams of a share (Share in store/port.py), which is not worth an index: it is read from end to end.
select position, stream, version, type, schema, data, metadata from events
where position > $1 and (ascii(right(stream, 1)) + 3 * ascii(right(stream, 2))) % $4 = $3 order by position limit $2

-- name: category
-- The index on the category. Pairs, because an equality ordered by position alone may be served by the primary key.
select position, stream, version, type, schema, data, metadata from events
where (split_part(stream, '-', 1), position) > ($3, $1)
  and (split_part(stream, '-', 1), position) < ($3, 9223372036854775807)
order by split_part(stream, '-', 1), position limit $2

-- name: criteria
-- Positions first, from the index that suits each item; `matching` sees the same snapshot, because it is stable.
select e.position, e.stream, e.version, e.type, e.schema, e.data, e.metadata
from (
    select distinct m.position
    from unnest($4::text[], $5::text[]) i(types, tags)
    cross join lateral matching(i.types::text[], i.tags::text[], $3, $1, $2) m(position)
    order by m.position limit $2
) hit
cross join lateral (select * from events e where e.position = hit.position limit 1) e
order by hit.position

-- name: stream
select position, stream, version, type, schema, data, metadata from events
where stream = $3 and version > $1 and version <= $4 order by version limit $2

-- name: stream_backwards
select position, stream, version, type, schema, data, metadata from events
where stream = $3 and version > $1 and version <= $4 order by version desc limit $2

-- name: bounded
-- Around one of the above where the largest event could break the bound: the events before which there is still room,
-- and the second in any case, because an event that is too large alone must still tell whether there are more.
select position, stream, version, type, schema, data, metadata from (
    select page.*, row_number() over () as place, sum(octet_length(data) + octet_length(metadata))
        over (rows between unbounded preceding and 1 preceding) as before
    from (/*page*/) page
) page where place <= 2 or before <= $/*bytes_max*/

-- name: with_head
select largest, ''::text, coalesce((select position from events order by position desc limit 1), 0), ''::text, 0, ''::bytea, ''::bytea
from head
union all
(/*page*/)

-- name: head
select coalesce((select position from events order by position desc limit 1), 0) as position, store_id::text, epoch
from head;

-- name: position
select coalesce((select position from events order by position desc limit 1), 0);
