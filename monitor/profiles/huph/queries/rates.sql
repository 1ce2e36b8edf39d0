-- Messages per 5-minute window and sender since $1 (Unix seconds).
with counted as (
    select (floor(date_part('epoch', created_at) / 300) * 300)::int8 as start, sender_type as sender, count(*) as n
    from messages
    where created_at >= to_timestamp($1) and created_at <= now()
    group by 1, 2
)
select date_part('epoch', now())::float8                                                      as now,
       $1::float8                                                                             as since,
       coalesce((select array_agg(start order by start, sender) from counted), '{}')::int8[]  as "window",
       coalesce((select array_agg(sender order by start, sender) from counted), '{}')::text[] as sender,
       coalesce((select array_agg(n order by start, sender) from counted), '{}')::int8[]      as count
