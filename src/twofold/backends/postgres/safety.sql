-- name: safety
-- What decides whether an acknowledged append survives a crash of the server, and whether we may write here at all.
select current_setting('server_version_num')::integer as version,
       pg_is_in_recovery() as replica,
       current_setting('server_encoding') as encoding,
       current_setting('fsync') as fsync,
       current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit;
