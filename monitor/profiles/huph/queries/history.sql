-- Messages per 5-minute window and sender of the last eight weeks: what the monitor learns the usual from. Asked at its start
-- and then once a day. The span's beginning is written out twice, for where it is a constant the planner knows how much is asked
-- and reads the index on (sender_type, created_at) alone.
with counted as (
    select (floor(date_part('epoch', created_at) / 300) * 300)::int8 as start, sender_type as sender, count(*) as n
    from messages
    where created_at >= to_timestamp(floor(date_part('epoch', now()) / 900) * 900 - 56 * 86400) and created_at <= now()
    group by 1, 2
)
select date_part('epoch', now())::float8                                                      as now,
       (floor(date_part('epoch', now()) / 900) * 900 - 56 * 86400)::float8                    as since,
       coalesce((select array_agg(start order by start, sender) from counted), '{}')::int8[]  as start,
       coalesce((select array_agg(sender order by start, sender) from counted), '{}')::text[] as sender,
       coalesce((select array_agg(n order by start, sender) from counted), '{}')::int8[]      as count
