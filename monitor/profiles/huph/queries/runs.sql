-- The runs of the jobs $1 in the last 24 h, newest first: 1000 in all, and where there are more, as many of each job as
-- of any other one.
with recent as (
    select asked.job, r.started_at, r.finished_at, r.status, r.error_message, r.nth
    from unnest($1::text[]) as asked (job)
    cross join lateral (
        select r.started_at, r.finished_at, r.status, r.error_message,
               row_number() over (order by r.started_at desc, r.id desc) as nth
        from cron_runs r
        where r.job = asked.job
          and r.started_at >= now() - interval '24 hours' and r.started_at <= now() + interval '5 minutes'
        order by r.started_at desc, r.id desc
        limit 1000
    ) r
), kept as (
    select job, status, left(coalesce(error_message, ''), 300) as error, date_part('epoch', started_at) as started,
           case when finished_at is null then 0
                else date_part('epoch', greatest(least(finished_at, now() + interval '1 year'), 'epoch')) end as finished,
           row_number() over (order by started_at desc, job, nth) as place
    from (select * from recent order by nth, started_at desc limit 1000) cut
)
select date_part('epoch', now())::float8                          as now,
       coalesce(array_agg(job order by place), '{}')::text[]        as job,
       coalesce(array_agg(started order by place), '{}')::float8[]  as started,
       coalesce(array_agg(finished order by place), '{}')::float8[] as finished,
       coalesce(array_agg(status order by place), '{}')::text[]     as status,
       coalesce(array_agg(error order by place), '{}')::text[]      as error
from kept
