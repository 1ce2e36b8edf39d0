-- What grows slowly: the database's size, and how near the oldest transaction is to wraparound (PostgreSQL 18, 24.1.5).
select (pg_database_size(current_database()) / 1048576)::int8                                              as size_mb,
       (select 100 * max(age(datfrozenxid)) / 2147483648.0 from pg_database)::float8                       as wraparound_pct
