-- Messages per 5-minute window and sender of the last eight weeks, the window under way left out.
with counted as (
    select (floor(date_part('epoch', sent_at) / 300) * 300)::int8 as start, author as sender, count(*) as n
    from care.chat_line
    where sent_at >= now() - interval '56 days'
      and sent_at < to_timestamp(floor(date_part('epoch', now()) / 300) * 300)
    group by 1, 2
)
select date_part('epoch', now())::float8                                                      as now,
       coalesce((select min(start) from counted)::float8, date_part('epoch', now()))::float8  as since,
       coalesce(array_agg(start order by start, sender), '{}')::int8[]                        as start,
       coalesce(array_agg(sender order by start, sender), '{}')::text[]                       as sender,
       coalesce(array_agg(n order by start, sender), '{}')::int8[]                            as count
from counted
