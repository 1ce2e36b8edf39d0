-- The monitor's own triggers, for whoever sets `deltas = true`: each statement that changes messages of the last minutes says
-- how many came and went in which second, so that the five-minute count needs no query. Run as the owner of messages;
-- running it again does no harm. It adds some 50 microseconds to a statement. To take all of it away again:
--
--     drop function if exists huph_monitor_deltas() cascade;
--
-- What it sends on the channel huph_monitor_deltas, one signal a statement:
--     {"x": "<the transaction, pg_current_xact_id()>", "q": <its how manyeth signal>, "d": [[<second>, "<sender>", <+-n>], ...]}
-- No text of any message is in it. `q` keeps PostgreSQL from taking two equal signals of one transaction for one; a
-- ROLLBACK TO SAVEPOINT takes the signal and its number back together. "d": null says "count anew": after TRUNCATE, when
-- the signal would be too long, when a row lies a year ahead, and when anything at all went wrong in here.
--
-- What it does not see: rows written straight into a partition, under session_replication_role = replica, by logical
-- replication, or while a trigger is switched off. The monitor finds them at its next sweep (monitor.drift) and counts
-- anew. A transaction that has sent a signal cannot be prepared (PREPARE TRANSACTION), as after any NOTIFY.

begin;
-- Rather no triggers than a platform that waits for us.
set local lock_timeout = '2s';

create or replace function huph_monitor_deltas() returns trigger
language plpgsql
-- Nothing that the platform calls by the same name is meant in here.
set search_path = pg_catalog, pg_temp
as $$
declare
    began  constant timestamptz := clock_timestamp();
    oldest constant timestamptz := began - interval '400 seconds';  -- the window is 300 s; the rest is for slow ways
    latest constant timestamptz := began + interval '1 year';       -- as recount.sql counts what lies further ahead
    deltas text;
    number int8;
    signal text;
begin
    begin
        if tg_op = 'INSERT' then
            select string_agg(format('[%s,%s,%s]', floor(date_part('epoch', least(at, latest)))::int8, to_json(who), n), ',')
                   || case when bool_or(at > latest) then '!' else '' end
            into deltas
            from (select date_trunc('second', created_at) as at, sender_type as who, count(*) as n
                  from new_rows where created_at > oldest group by 1, 2) as changed;
        elsif tg_op = 'DELETE' then
            select string_agg(format('[%s,%s,%s]', floor(date_part('epoch', least(at, latest)))::int8, to_json(who), -n), ',')
                   || case when bool_or(at > latest) then '!' else '' end
            into deltas
            from (select date_trunc('second', created_at) as at, sender_type as who, count(*) as n
                  from old_rows where created_at > oldest group by 1, 2) as changed;
        elsif tg_op = 'UPDATE' then
            select string_agg(format('[%s,%s,%s]', floor(date_part('epoch', least(at, latest)))::int8, to_json(who), n), ',')
                   || case when bool_or(at > latest) then '!' else '' end
            into deltas
            from (select date_trunc('second', created_at) as at, sender_type as who, sum(one) as n
                  from (select created_at, sender_type, 1 as one from new_rows where created_at > oldest
                        union all
                        select created_at, sender_type, -1 from old_rows where created_at > oldest) as moved
                  group by 1, 2 having sum(one) <> 0) as changed;
        else
            deltas := '!';
        end if;
        -- Nothing of the last minutes has changed: no signal, and no number for a transaction that had none.
        if deltas is null then
            return null;
        end if;
        number := coalesce(nullif(current_setting('huph_monitor.q', true), '')::int8, 0) + 1;
        signal := format('{"x":"%s","q":%s,"d":[%s]}', pg_current_xact_id(), number, deltas);
        -- A signal has less than 8000 bytes.
        if right(deltas, 1) = '!' or octet_length(signal) > 7900 then
            signal := format('{"x":"%s","q":%s,"d":null}', pg_current_xact_id(), number);
        end if;
        perform set_config('huph_monitor.q', number::text, true);
        perform pg_notify('huph_monitor_deltas', signal);
    exception when others then
        -- The platform's statement may not fail for us, and a change may not go unnoticed: the monitor shall count anew.
        begin
            perform pg_notify('huph_monitor_deltas', format('{"x":"%s","q":null,"d":null}', pg_current_xact_id()));
        exception when others then
            null;
        end;
    end;
    return null;
end
$$;

create or replace trigger huph_monitor_deltas_insert after insert on messages
    referencing new table as new_rows for each statement execute function huph_monitor_deltas();

-- Transition tables and a list of columns exclude each other: any update is looked at, few say anything.
create or replace trigger huph_monitor_deltas_update after update on messages
    referencing old table as old_rows new table as new_rows for each statement execute function huph_monitor_deltas();

create or replace trigger huph_monitor_deltas_delete after delete on messages
    referencing old table as old_rows for each statement execute function huph_monitor_deltas();

create or replace trigger huph_monitor_deltas_truncate after truncate on messages
    for each statement execute function huph_monitor_deltas();

commit;
