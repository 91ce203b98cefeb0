-- Emptying what was folded from a log that is no more, so that it is filled again from this one.

-- name: empty_postgresql
-- At once, whatever the number of rows; whoever reads waits for the end of the transaction.
truncate {table};

-- name: empty_sqlite
-- Without a condition that is as fast here.
delete from {table};

-- name: forget_parked
delete from twofold_parked where read_model = :name;

-- name: forget_letters
delete from twofold_letters where read_model = :name;

-- name: forget_skipped
-- What was left out stood at a position of the other log.
delete from twofold_skipped where read_model = :name;
