-- The parts from which a search for positions by criteria is built. Every search is driven by one index, the one with
-- the fewest entries in the range (after, until], and every other tag is looked up per candidate.

-- name: by_tag
-- The primary key in order: tag, position.
select d.position from event_tags d

-- name: by_tag_with_event
-- Candidates from the tags know their type but not their stream. CROSS JOIN holds the order.
select d.position from event_tags d cross join events e on e.position = d.position

-- name: by_type
-- The index ends in the position, so this too is in order.
select d.position from events d indexed by events_by_type

-- name: by_category
-- As by type.
select d.position from events d indexed by events_by_category

-- name: by_position
-- The log itself, for criteria that every event matches.
select d.position from events d not indexed

-- name: range
where d.position > ? and d.position <= ?

-- name: is_tag
and d.tag = ?

-- name: has_tag
-- One look into the primary key of the tags; never a join, which could be turned round (and has at most 64 tables).
and exists (select 1 from event_tags t where t.tag = ? and t.position = d.position)

-- name: is_type
and d.type = ?

-- name: is_one_of_types
and d.type in ({marks})

-- name: is_category
-- Word for word the expression of the index.
and substr({row}.stream, 1, instr({row}.stream, '-') - 1) = ?

-- name: probe
-- Bounded: a few entries tell how dense an index is where the page begins.
select count(*), coalesce(max(position), 0) from ({search} order by d.position limit ?)

-- name: newest
-- For an append condition: the index is walked from its end.
{search} order by d.position desc limit 1

-- name: alternatives
-- Each alternative is in order and SQLite merges them, so that the limit stops all of them.
{searches} order by 1 limit ?

-- name: group
-- SQLite takes 500 alternatives in one statement: more of them are merged in groups.
select position from ({alternatives})

-- name: page
-- The positions are few by now, and in order.
with found (position) as ({alternatives})
select e.position, e.stream, e.version, e.type, e.schema, e.data, e.metadata
from found cross join events e on e.position = found.position
order by found.position
