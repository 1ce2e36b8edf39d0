-- Messages per 5-minute window and sender of the last eight weeks: what the monitor learns the usual from. Asked at its start
-- and then rarely; the index on (sender_type, created_at) answers it without the table.
with since as materialized (
    select to_timestamp(floor(date_part('epoch', now()) / 900) * 900) - interval '8 weeks' as at
), counted as (
    select (floor(date_part('epoch', created_at) / 300) * 300)::int8 as start, sender_type as sender, count(*) as n
    from messages
    where created_at >= (select at from since) and created_at <= now()
    group by 1, 2
)
select date_part('epoch', now())::float8                                                      as now,
       (select date_part('epoch', at) from since)::float8                                     as since,
       coalesce((select array_agg(start order by start, sender) from counted), '{}')::int8[]  as start,
       coalesce((select array_agg(sender order by start, sender) from counted), '{}')::text[] as sender,
       coalesce((select array_agg(n order by start, sender) from counted), '{}')::int8[]      as count
