-- Who queues for what, asked with every sample; needs pg_read_all_stats. Where nobody waits the locks are not looked at, and
-- where the queue of signals is as good as empty nobody is suspected of holding it. $1, the signals heard so far, is given
-- back beside the rest.
with session as materialized (
    -- What pg_stat_activity is made of, without the names that nobody asks for here.
    select pid, datid, application_name, backend_type, state, query, wait_event_type, wait_event, xact_start,
           application_name like 'huph-monitor %' as ours
    from pg_stat_get_activity(null)
), here as materialized (
    select datid from session where pid = pg_backend_pid()
), waiting as materialized (
    select pid, datid, wait_event as kind
    from session
    where wait_event_type = 'Lock' and backend_type = 'client backend' and not ours
), lock as materialized (
    select pid, locktype, database, relation, classid, objid, mode, granted, waitstart
    from pg_lock_status()
    where exists (select from waiting)
), long as materialized (
    -- pg_blocking_pids is asked last, and only for the fifty longest waits: it holds up the table of locks.
    select w.pid, l.relation, date_part('epoch', clock_timestamp() - l.waitstart)::float8 as waiting_s,
           (pg_blocking_pids(w.pid))[1] as blocker
    from waiting w
    join lock l on l.pid = w.pid and not l.granted and l.locktype = w.kind
    where w.kind in ('relation', 'tuple', 'transactionid')
      and w.datid = (select datid from here)
      and clock_timestamp() - l.waitstart >= interval '1 second'
    order by l.waitstart
    limit 50
), blocked as (
    select b.pid, b.blocker, b.waiting_s,
           -- Who waits for a transaction waits for a row: of a table that both have locked, and whose row it has in hand.
           coalesce(coalesce(b.relation, (
               select own.relation
               from lock own
               where own.pid = b.pid and own.granted and own.locktype in ('relation', 'tuple')
                 and own.mode <> 'AccessShareLock' and own.database = (select datid from here)
                 and (select relkind in ('r', 'p') from pg_class where oid = own.relation)
               order by own.locktype = 'tuple' desc,
                        exists (select from lock other
                                where other.pid = b.blocker and other.relation = own.relation
                                  and other.mode <> 'AccessShareLock') desc
               limit 1
           ))::regclass::text, '') as relation
    from long b
    -- A wait that is over has no blocker any more; autovacuum gives way by itself.
    where b.blocker is not null
      and not exists (select from session s where s.pid = b.blocker and s.backend_type = 'autovacuum worker')
), queue as materialized (
    select (100 * pg_notification_queue_usage())::float8 as pct
), holder as (
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
select $1::int8                                    as heard,
       (select count(*) from waiting w join lock l on l.pid = w.pid and not l.granted
        where l.locktype = 'object' and l.classid = 'pg_database'::regclass and l.objid = 0) as commit_waiters,
       (select count(*) from waiting)              as lock_waits,
       waits.*,
       queue.pct                                   as notify_queue_pct,
       holder.name                                 as queue_holder,
       holder.age_s                                as queue_holder_age_s,
       coalesce(holder.ours, false)                as queue_holder_ours,
       case when not pg_is_in_recovery() then null
            when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
            else date_part('epoch', clock_timestamp() - pg_last_xact_replay_timestamp())
       end::float8                                 as replay_lag_s
from queue
left join holder on true
cross join (
    select coalesce(array_agg(pid), '{}')::int4[]          as blocked,
           coalesce(array_agg(blocker), '{}')::int4[]      as blocker,
           coalesce(array_agg(waiting_s), '{}')::float8[]  as waiting_s,
           coalesce(array_agg(relation), '{}')::text[]     as relation
    from (select * from blocked order by waiting_s desc, pid) line
) waits
