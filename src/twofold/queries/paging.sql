Pages of a question. What stands in braces comes from the question's own code (orders.py), never a value.

-- name: page_of_select
-- A whole statement, cut to one page of what it finds. Its lines stay alone, because the last may be a comment.
select * from (
{sql}
) as twofold_page{where} order by {order} limit :twofold_size;

-- name: page_of_rows
-- The end of a statement, with one more condition.
{before}{where} order by {order} limit :twofold_size;
