-- Who is connected and who waits; needs pg_read_all_stats to see the sessions of others. The monitor's own sessions count as
-- idle, and its short-lived probe not at all: looking must not change what is seen.
with session as materialized (
    select pid, state, application_name, wait_event_type, query_start, xact_start, state_change,
           application_name like 'huph-monitor %' as ours
    from pg_stat_activity
    where backend_type = 'client backend'
), client as (
    select * from session where application_name <> 'huph-monitor probe'
), waiting as (
    select c.pid,
           (pg_blocking_pids(c.pid))[1] as blocker,
           date_part('epoch', clock_timestamp() - coalesce(l.waitstart, c.state_change))::float8 as waiting_s,
           coalesce(l.relation::regclass::text, l.locktype) as relation
    from client c
    join lateral (select * from pg_locks where pid = c.pid and not granted limit 1) l on true
    where c.wait_event_type = 'Lock' and not c.ours
    order by 3 desc
    limit 5
)
select count(*) filter (where state = 'active' and not ours)                                   as active,
       count(*) filter (where state = 'idle' or ours)                                          as idle,
       count(*) filter (where state like 'idle in transaction%' and not ours)                  as idle_in_transaction,
       count(*)                                                                                as used,
       current_setting('max_connections')::int                                                 as max,
       count(*) filter (where ours)                                                            as ours,
       coalesce((select application_name from client group by 1 order by count(*) desc, 1 limit 1), '') as top_app,
       count(*) filter (where state = 'active' and clock_timestamp() - query_start > interval '1 second'
                          and not ours)                                                        as slow_now,
       coalesce(max(date_part('epoch', clock_timestamp() - xact_start))
                filter (where not ours), 0)::float8                                            as longest_transaction_s,
       count(*) filter (where wait_event_type = 'Lock')                                        as lock_waits,
       coalesce((select array_agg(pid order by waiting_s desc) from waiting), '{}')::int4[]                  as blocked,
       coalesce((select array_agg(coalesce(blocker, 0) order by waiting_s desc) from waiting), '{}')::int4[] as blocker,
       coalesce((select array_agg(waiting_s order by waiting_s desc) from waiting), '{}')::float8[]          as waiting_s,
       coalesce((select array_agg(relation order by waiting_s desc) from waiting), '{}')::text[]             as relation,
       (select max(date_part('epoch', coalesce(replay_lag, write_lag, interval '0')))::float8 from pg_stat_replication)
                                                                                               as replication_lag_s,
       (100 * pg_notification_queue_usage())::float8                                           as notify_queue_pct,
       (select xact_commit from pg_stat_database where datname = current_database())           as commits,
       split_part(current_setting('server_version'), ' ', 1)                                   as version
from client
