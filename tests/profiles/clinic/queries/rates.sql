-- Messages per 5-minute window and sender since $1 (Unix seconds), and of the last 60 minutes.
with counted as (
    select (floor(date_part('epoch', sent_at) / 300) * 300)::int8 as start, author as sender, count(*) as n
    from care.chat_line
    where sent_at >= to_timestamp($1) and sent_at <= now()
    group by 1, 2
)
select date_part('epoch', now())::float8                                                      as now,
       $1::float8                                                                             as since,
       coalesce((select array_agg(start order by start, sender) from counted), '{}')::int8[]  as "window",
       coalesce((select array_agg(sender order by start, sender) from counted), '{}')::text[] as sender,
       coalesce((select array_agg(n order by start, sender) from counted), '{}')::int8[]      as count,
       (select count(*) from care.chat_line where sent_at >= now() - interval '60 minutes')      as last_60m
