-- Who is connected; needs pg_read_all_stats to see the sessions of others. The monitor's own sessions count as
-- idle, and its short-lived probe not at all: looking must not change what is seen.
with client as materialized (
    select state, application_name, query_start, xact_start, application_name like 'huph-monitor %' as ours
    from pg_stat_activity
    where backend_type = 'client backend' and application_name <> 'huph-monitor probe'
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
       (select max(date_part('epoch', coalesce(replay_lag, write_lag, interval '0')))::float8 from pg_stat_replication)
                                                                                               as replication_lag_s,
       (select xact_commit from pg_stat_database where datname = current_database())           as commits,
       split_part(current_setting('server_version'), ' ', 1)                                   as version
from client
