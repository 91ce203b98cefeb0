Appending is one call of a function in schema/0003_append.sql.

-- name: append_one
-- Scalars: nothing to take apart.
select append_one($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: append_run
-- Appends, touches, events (two lines), tags, items. Numbers come as the text of an array, see arguments_of in batch.py.
select newest, verdicts, firsts, seconds, versions
from append_run(
    $1,
    $2, $3, $4::text::integer[],
    $5::text::integer[], $6, $7::text::bigint[],
    $8::text::integer[], $9::text::integer[], $10::text::integer[],
    $11, $12, $13::text::integer[], $14, $15,
    $16::text::integer[], $17,
    $18::text::integer[], $19::text::integer[], $20::text::bigint[], $21, $22
);

-- name: append_runs
-- The same with the ends of the runs before it.
select newest, verdicts, firsts, seconds, versions
from append_runs(
    $1, $2,
    $3, $4, $5::text::integer[],
    $6::text::integer[], $7, $8::text::bigint[],
    $9::text::integer[], $10::text::integer[], $11::text::integer[],
    $12, $13, $14::text::integer[], $15, $16,
    $17::text::integer[], $18,
    $19::text::integer[], $20::text::integer[], $21::text::bigint[], $22, $23
);

-- name: versions
-- What an append that is replayed had answered. Its events are neighbours, so their positions find them.
select stream, max(version) from events where position between $1 and $2 group by stream;

-- name: take_head
-- For what is not an append, but must have none beside it.
select take_head(0);

-- name: wait_shortly
-- Whoever asks about a table for long would hold up every append otherwise. It is tried again when that is over.
select set_config('lock_timeout', '250ms', true);
