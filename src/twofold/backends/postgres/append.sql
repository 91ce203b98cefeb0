Appending is one call of a function in schema/0003_append.sql.

-- name: append_one
select append_one($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: append_run
select newest, verdicts, firsts, seconds, versions
from append_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22);

-- name: append_runs
select newest, verdicts, firsts, seconds, versions
from append_runs($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23);

-- name: versions
-- What an append that is replayed had answered. Its events are neighbours, so their positions find them.
select stream, max(version) from events where position between $1 and $2 group by stream;
