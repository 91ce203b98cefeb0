-- The log: what one flush asks, what it writes, and the pages that leave.

-- name: head
-- The newest position is the end of the table itself: nothing is kept twice, nothing can disagree.
select coalesce((select max(position) from events), 0), id, epoch, largest from store

-- name: end
-- The same for the writer, which needs no identity.
select coalesce((select max(position) from events), 0), largest from store

-- name: versions
-- Of all streams of a flush in one row: each step of a statement gives the interpreter's lock away and has to win it back.
select json_group_array(coalesce((select max(version) from events where stream = asked.value), 0)) from carray(?) asked

-- name: receipts
-- Of all keys of a flush; usually none is there. CROSS JOIN makes it one seek per key.
select key, digest, first, last from carray(?) asked cross join receipts on key = asked.value

-- name: versions_between
-- The answer of a receipt is read back from the events, which never change.
select stream, max(version) from events where position between ? and ? group by stream

-- name: insert_event
-- One statement, executed for each row.
insert into events (position, stream, version, type, schema, data, metadata) values (?, ?, ?, ?, ?, ?, ?)

-- name: insert_tag
-- One row per tag of each event.
insert into event_tags (tag, position, type) values (?, ?, ?)

-- name: insert_receipt
-- In the transaction of the events: both or neither.
insert into receipts (key, digest, first, last) values (?, ?, ?, ?)

-- name: grow
-- Only when an event is larger than all before.
update store set largest = ?

-- name: all
-- The table in its own order.
select position, stream, version, type, schema, data, metadata from events
where position > ? and position <= ? order by position limit ?

-- name: stream_forwards
-- One index, one stream.
select position, stream, version, type, schema, data, metadata from events
where stream = ? and version > ? and version <= ? order by version limit ?

-- name: stream_backwards
-- The same, from its end.
select position, stream, version, type, schema, data, metadata from events
where stream = ? and version > ? and version <= ? order by version desc limit ?
