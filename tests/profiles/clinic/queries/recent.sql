-- What each of the senders $1 wrote in the last 15 and 60 minutes, its last message, and what the first of them wrote since
-- anybody else did.
with seen as (
    select s.sender, s.place,
           (select count(*) from care.chat_line m
            where m.author = s.sender and m.sent_at >= now() - interval '15 minutes') as m15,
           (select count(*) from care.chat_line m
            where m.author = s.sender and m.sent_at >= now() - interval '60 minutes') as m60,
           (select max(m.sent_at) from care.chat_line m where m.author = s.sender) as newest
    from unnest($1::text[]) with ordinality as s (sender, place)
)
select date_part('epoch', now())::float8                                                      as now,
       coalesce(array_agg(sender order by place), '{}')::text[]                               as sender,
       coalesce(array_agg(m15 order by place), '{}')::int8[]                                  as m15,
       coalesce(array_agg(m60 order by place), '{}')::int8[]                                  as m60,
       -- Instants that no calendar has ('infinity', the year 58863) are brought near enough to be reckoned with.
       coalesce(array_agg(coalesce(date_part('epoch', greatest(least(newest, now() + interval '1 year'),
           now() - interval '10 years')), 0) order by place), '{}')::float8[]                 as newest,
       (select count(*) from care.chat_line m
        where m.author = ($1::text[])[1]
          and m.sent_at >= now() - interval '60 minutes'
          and m.sent_at > coalesce((select max(newest) from seen where place > 1), '-infinity')) as unanswered
from seen
