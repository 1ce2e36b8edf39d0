-- The last message of each of the senders $1 and their counts of the last hour; the bot's part of the last $2 minutes.
with seen as (
    select s.sender,
           (select max(m.created_at) from messages m where m.sender_type = s.sender) as last_at,
           (select count(*) from messages m
            where m.sender_type = s.sender and m.created_at >= now() - interval '60 minutes') as hour
    from unnest($1::text[]) as s (sender)
), spoken as (
    -- Instants that no calendar has ('infinity', the year 58863) are brought near enough to be reckoned with.
    select sender, hour, greatest(least(last_at, now() + interval '1 year'), now() - interval '10 years') as last_at
    from seen
    where last_at is not null
)
select date_part('epoch', now())::float8                                                                       as now,
       coalesce((select array_agg(sender order by sender) from spoken), '{}')::text[]                          as sender,
       coalesce((select array_agg(date_part('epoch', last_at) order by sender) from spoken), '{}')::float8[]   as last_at,
       coalesce((select array_agg(hour order by sender) from spoken), '{}')::int8[]                            as hour,
       (select count(*) from messages m join conversations c on c.id = m.conversation_id
        where m.sender_type = 'user' and c.handled_by = 'bot'
          and m.created_at >= now() - make_interval(mins => $2::int))                                          as asked,
       (select count(*) from messages m
        where m.sender_type = 'bot' and m.created_at >= now() - make_interval(mins => $2::int))                as answered
