-- Who queues for what, asked with every sample; needs pg_read_all_stats. Where nobody waits the locks are not looked at, and
-- where the queue of signals is as good as empty nobody is suspected of holding it. $1, the signals heard so far, is given
-- back beside the rest.
with here as materialized (
    select oid from pg_database where datname = current_database()
), session as materialized (
    -- What pg_stat_activity is made of, without the names that nobody asks for here.
    select pid, datid, application_name, backend_type, state, query, wait_event_type, wait_event, xact_start,
           application_name like 'huph-monitor %' as ours
    from pg_stat_get_activity(null)
), waiting as materialized (
    select pid, datid, wait_event as kind
    from session
    where wait_event_type = 'Lock' and backend_type = 'client backend' and not ours
), lock as materialized (
    select pid, locktype, database, relation, classid, objid, mode, granted, waitstart
    from pg_locks
    where exists (select from waiting)
), long as materialized (
    select w.pid, l.relation, clock_timestamp() - l.waitstart as waited
    from waiting w
    join lock l on l.pid = w.pid and not l.granted and l.locktype = w.kind
    where w.kind in ('relation', 'tuple', 'transactionid')
      and w.datid = (select oid from here)
      and clock_timestamp() - l.waitstart >= interval '1 second'
    order by l.waitstart
    limit 50
), blocker as materialized (
    select l.*, (pg_blocking_pids(l.pid))[1] as blocker from long l
), blocked as materialized (
    select b.pid, b.blocker, date_part('epoch', b.waited)::float8 as waiting_s,
           -- Who waits for a transaction waits for a row: of a table that both have locked, and whose row it has in hand.
           coalesce(b.relation, (
               select own.relation
               from lock own
               join pg_class c on c.oid = own.relation and c.relkind in ('r', 'p')
               where own.pid = b.pid and own.granted and own.locktype in ('relation', 'tuple')
                 and own.mode <> 'AccessShareLock' and own.database = (select oid from here)
               order by own.locktype = 'tuple' desc,
                        exists (select from lock other
                                where other.pid = b.blocker and other.relation = own.relation
                                  and other.mode <> 'AccessShareLock') desc
               limit 1
           ))::regclass::text as relation
    from blocker b
    -- A wait that is over has no blocker any more; autovacuum gives way by itself.
    where b.blocker is not null
      and not exists (select from session s where s.pid = b.blocker and s.backend_type = 'autovacuum worker')
), queue as materialized (
    select (100 * pg_notification_queue_usage())::float8 as pct
), holder as materialized (
    -- No view shows how far a listener has read. First comes one that is idle and yet writes: its client does not read. Then
    -- one that is known to listen and is amid a transaction, then anyone who is idle in one.
    select coalesce(nullif(application_name, ''), pid::text) as name, ours,
           case when not unread then date_part('epoch', clock_timestamp() - xact_start)::float8 end as age_s
    from (
        select *, state = 'idle' and wait_event = 'ClientWrite' as unread,
               query ~* '(^|;)\s*listen\M' or application_name = 'huph-monitor listen' as listens
        from session
        where backend_type = 'client backend' and (select pct from queue) >= 0.01
    ) suspect
    where unread or (xact_start is not null and (listens or state like 'idle in transaction%'))
    order by unread desc, listens desc, xact_start
    limit 1
)
select $1::int8                                                                                   as heard,
       (select count(*) from waiting w join lock l on l.pid = w.pid and not l.granted
        where w.kind = 'object' and l.locktype = 'object' and l.classid = 'pg_database'::regclass and l.objid = 0)
                                                                                                  as commit_waiters,
       (select count(*) from waiting)                                                             as lock_waits,
       coalesce((select array_agg(pid order by waiting_s desc, pid) from blocked), '{}')::int4[]  as blocked,
       coalesce((select array_agg(blocker order by waiting_s desc, pid) from blocked), '{}')::int4[] as blocker,
       coalesce((select array_agg(waiting_s order by waiting_s desc, pid) from blocked), '{}')::float8[] as waiting_s,
       coalesce((select array_agg(coalesce(relation, '') order by waiting_s desc, pid) from blocked), '{}')::text[]
                                                                                                  as relation,
       (select pct from queue)                                                                    as notify_queue_pct,
       (select name from holder)                                                                  as queue_holder,
       (select age_s from holder)                                                                 as queue_holder_age_s,
       coalesce((select ours from holder), false)                                                 as queue_holder_ours,
       case when not pg_is_in_recovery() then null
            when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
            else date_part('epoch', clock_timestamp() - pg_last_xact_replay_timestamp())
       end::float8                                                                                as replay_lag_s
