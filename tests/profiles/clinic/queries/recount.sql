-- The histogram of the last five minutes, seen in one snapshot. $1 caps the rows of the histogram; `total` counts them all.
-- A clock that ran far ahead (milliseconds taken for seconds) or 'infinity' counts as one year from now: such a row stays
-- counted, as it is for SQL. The window begins on a whole second of the database's clock, so that one-second buckets are exact.
with clock as materialized (
    select now() as at, date_trunc('second', now()) - interval '300 seconds' as oldest
), bucket as (
    select floor(date_part('epoch', least(m.sent_at, now() + interval '1 year')))::int8 as second,
           m.author as sender, count(*) as n, least(max(m.sent_at), now() + interval '1 year') as newest
    from care.chat_line m
    where m.sent_at >= (select oldest from clock)
    group by 1, 2
), kept as (
    select second, sender, n from bucket order by second, sender limit $1
)
select pg_current_snapshot()::text                                                  as snapshot,
       date_part('epoch', (select at from clock))::float8                           as now,
       coalesce((select array_agg(second order by second, sender) from kept), '{}')::int8[] as second,
       coalesce((select array_agg(sender order by second, sender) from kept), '{}')::text[] as sender,
       coalesce((select array_agg(n order by second, sender) from kept), '{}')::int8[]      as count,
       coalesce((select sum(n) from bucket), 0)::int8                               as total,
       (select date_part('epoch', max(newest)) from bucket)::float8                 as newest
