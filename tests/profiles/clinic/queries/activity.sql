-- As HUPH's, for other names; the assistant handles every thread here.
with spoken as (
    select s.author, max(c.sent_at) as last_at,
           count(*) filter (where c.sent_at >= now() - interval '60 minutes') as hour
    from unnest($1::text[]) as s (author) join care.chat_line c on c.author = s.author
    group by 1
)
select date_part('epoch', now())::float8                                                                     as now,
       coalesce((select array_agg(author order by author) from spoken), '{}')::text[]                        as sender,
       coalesce((select array_agg(date_part('epoch', last_at) order by author) from spoken), '{}')::float8[] as last_at,
       coalesce((select array_agg(hour order by author) from spoken), '{}')::int8[]                          as hour,
       (select count(*) from care.chat_line
        where author = 'patient' and sent_at >= now() - make_interval(mins => $2::int))                      as asked,
       (select count(*) from care.chat_line
        where author = 'assistant' and sent_at >= now() - make_interval(mins => $2::int))                    as answered
