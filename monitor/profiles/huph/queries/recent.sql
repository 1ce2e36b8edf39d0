-- Messages of the last 15 and 60 minutes and the last one of each of the senders $1, and how often the first of them spoke since
-- anybody else did. Rows that a fast clock stamped in the future are counted as elsewhere, but are nobody's last message.
with counted as (
    select sender_type as sender, count(*) as m60,
           count(*) filter (where created_at >= now() - interval '15 minutes') as m15
    from messages
    where created_at >= now() - interval '60 minutes'
    group by 1
), spoken as materialized (
    select sender, coalesce(m15, 0) as m15, coalesce(m60, 0) as m60,
           (select greatest(max(m.created_at), to_timestamp(0))
            from messages m where m.sender_type = sender and m.created_at <= now()) as newest
    from unnest($1::text[]) as s (sender) full join counted using (sender)
)
select date_part('epoch', now())::float8                                                  as now,
       array_agg(sender order by sender)::text[]                                          as sender,
       array_agg(m15 order by sender)::int8[]                                             as m15,
       array_agg(m60 order by sender)::int8[]                                             as m60,
       array_agg(date_part('epoch', newest) order by sender)::float8[]                    as newest,
       (select count(*) from messages
        where sender_type = ($1::text[])[1] and created_at <= now()
          and created_at > greatest((select max(newest) from spoken where sender <> ($1::text[])[1]),
                                    now() - interval '60 minutes'))                       as unanswered
from spoken
