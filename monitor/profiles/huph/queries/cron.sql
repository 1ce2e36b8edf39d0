-- What cron_runs says of the jobs $1: the last run of each, its last 100 runs, and those of 24 h; all of it by the index
-- (job, started_at desc). A run of the future counts once it is less than five minutes ahead: no wrong clock hides the
-- runs that follow. Instants that no calendar has ('infinity') are brought near enough to be reckoned with.
with recursive clock as materialized (
    select now() - interval '24 hours' as day, now() + interval '5 minutes' as latest, now() + interval '1 year' as far
), named (job, n) as (
    -- A loose index scan: from one name to the next, however many runs each has.
    (select job, 1 from cron_runs order by job limit 1)
    union all
    select (select r.job from cron_runs r where r.job > named.job order by r.job limit 1), n + 1
    from named
    where named.job is not null and n < 1000
), newest as (
    select max(last.started_at) as started_at
    from (select job from named union select unnest($1::text[])) any_job
    cross join lateral (
        select r.started_at from cron_runs r
        where r.job = any_job.job and r.started_at <= (select latest from clock)
        order by r.started_at desc
        limit 1
    ) last
), told as (
    select asked.place, asked.job, coalesce(last.status, '') as status,
           coalesce(date_part('epoch', greatest(last.started_at, 'epoch')), 0) as started,
           case when last.finished_at is null then 0
                else date_part('epoch', greatest(least(last.finished_at, (select far from clock)), 'epoch')) end
               as finished,
           day.runs, day.fails, kept.failed, kept.streak, coalesce(kept.usual_s, 0) as usual_s,
           -- The last run may well be under way; an older one that never ended was left behind.
           day.running - coalesce((last.status = 'running' and last.started_at >= (select day from clock))::int, 0)
               as abandoned,
           case when kept.failed_nth is not null then kept.error
                when day.fails > 0 then (
                    select left(r.error_message, 300) from cron_runs r
                    where r.job = asked.job and r.started_at >= (select day from clock) and r.status = 'failed'
                    order by r.started_at desc, r.id desc
                    limit 1
                ) end as error
    from unnest($1::text[]) with ordinality as asked (job, place)
    left join lateral (
        select r.started_at, r.finished_at, r.status from cron_runs r
        where r.job = asked.job and r.started_at <= (select latest from clock)
        order by r.started_at desc, r.id desc
        limit 1
    ) last on true
    cross join lateral (
        select count(*) as runs, count(*) filter (where r.status = 'failed') as fails,
               count(*) filter (where r.status = 'running') as running
        from cron_runs r
        where r.job = asked.job and r.started_at between (select day from clock) and (select latest from clock)
    ) day
    cross join lateral (
        select min(f.failed_nth) as failed_nth,
               max(left(f.error_message, 300)) filter (where f.nth = f.failed_nth) as error,
               coalesce(min(f.nth) filter (where f.status <> 'running') = min(f.failed_nth), false) as failed,
               count(*) filter (where f.status = 'success' and f.nth < coalesce(f.failed_nth, 101)) as streak,
               -- At least a millisecond: 0 stands for a job that never succeeded.
               percentile_cont(0.95) within group (order by greatest(f.took_s, 0.001))
                   filter (where f.status = 'success' and f.took_s is not null) as usual_s
        from (
            select n.*, min(n.nth) filter (where n.status = 'failed') over () as failed_nth
            from (
                select r.status, r.error_message, row_number() over (order by r.started_at desc, r.id desc) as nth,
                       case when r.finished_at is not null
                            then date_part('epoch', greatest(least(r.finished_at, (select far from clock)), 'epoch'))
                                 - date_part('epoch', greatest(r.started_at, 'epoch')) end as took_s
                from cron_runs r
                where r.job = asked.job and r.started_at <= (select latest from clock)
                order by r.started_at desc, r.id desc
                limit 100
            ) n
        ) f
    ) kept
)
select date_part('epoch', now())::float8 as now,
       coalesce((select date_part('epoch', greatest(started_at, 'epoch')) from newest), 0)::float8 as any_started,
       coalesce(array_agg(job order by place), '{}')::text[]                 as job,
       coalesce(array_agg(started order by place), '{}')::float8[]           as started,
       coalesce(array_agg(finished order by place), '{}')::float8[]          as finished,
       coalesce(array_agg(status order by place), '{}')::text[]              as status,
       coalesce(array_agg(coalesce(error, '') order by place), '{}')::text[] as error,
       coalesce(array_agg(failed order by place), '{}')::bool[]              as failed,
       coalesce(array_agg(streak order by place), '{}')::int8[]              as streak,
       coalesce(array_agg(fails order by place), '{}')::int8[]               as fails,
       coalesce(array_agg(runs order by place), '{}')::int8[]                as runs,
       coalesce(array_agg(abandoned order by place), '{}')::int8[]           as abandoned,
       coalesce(array_agg(usual_s order by place), '{}')::float8[]           as usual_s
from told
