-- How long people waited for the bot: its answers of the last 5 minutes, each since the first message of the user that nobody
-- had answered yet. Only the index on created_at is needed: the last 15 minutes are read, at most 20,000 messages of them, and
-- an answer to an older question is left out.
with talk as (
    select id, conversation_id, sender_type, created_at
    from messages
    where created_at >= now() - interval '15 minutes' and created_at <= now()
    order by created_at desc
    limit 20000
), turn as (
    -- A turn is what the user says, and the answer that ends it.
    select conversation_id, sender_type, created_at,
           count(*) filter (where sender_type <> 'user') over (
               partition by conversation_id order by created_at, id
               rows between unbounded preceding and 1 preceding
           ) as number
    from talk
), answer as (
    select date_part('epoch', max(created_at) filter (where sender_type = 'bot')
                              - min(created_at) filter (where sender_type = 'user')) as delay
    from turn
    group by conversation_id, number
    having max(created_at) filter (where sender_type = 'bot') >= now() - interval '5 minutes'
       and min(created_at) filter (where sender_type = 'user') is not null
)
select date_part('epoch', now())::float8                                   as now,
       count(*)                                                            as count,
       (percentile_cont(0.5) within group (order by delay))::float8        as p50_s,
       (percentile_cont(0.95) within group (order by delay))::float8       as p95_s
from answer
