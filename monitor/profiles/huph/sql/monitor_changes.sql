-- Tells the monitor at once of what it would see at its next sweep only: who may no longer look at its page, and which setting
-- has changed. Run as the owner of users and system_settings; running it again does no harm. To take all of it away again:
--
--     drop function if exists huph_monitor_changes() cascade;
--
-- What it sends on the channel huph_monitor_changes, one signal a row:
--     {"table": "users", "id": "<its id>"}    {"table": "system_settings", "key": "<its key>"}
-- No other text is in it. Of a transaction that changes more than 100 rows of a table, the rest is one signal that names no
-- row: {"table": "users"}. A transaction that has sent a signal cannot be prepared (PREPARE TRANSACTION), as after any NOTIFY.

begin;
-- Rather no triggers than a platform that waits for us.
set local lock_timeout = '2s';

create or replace function huph_monitor_changes() returns trigger
language plpgsql
-- Nothing that the platform calls by the same name is meant in here.
set search_path = pg_catalog, pg_temp
as $$
declare
    counter constant text := 'huph_monitor.changes_' || tg_table_name;
    number  int8;
    changed jsonb;
begin
    begin
        changed := to_jsonb(case when tg_op = 'DELETE' then old else new end);
        number := coalesce(nullif(current_setting(counter, true), '')::int8, 0) + 1;
        perform set_config(counter, number::text, true);
        -- PostgreSQL sends equal signals of one transaction once (PostgreSQL 18, NOTIFY).
        perform pg_notify('huph_monitor_changes', (
            jsonb_build_object('table', tg_table_name)
            || case when number > 100 then '{}'
                    when tg_table_name = 'users' then jsonb_build_object('id', changed ->> 'id')
                    else jsonb_build_object('key', left(changed ->> 'key', 200)) end
        )::text);
    exception when others then
        -- The platform's statement may not fail for us; the next sweep sees what has changed.
        null;
    end;
    return null;
end
$$;

create or replace trigger huph_monitor_changes_update after update of role, is_active on users
    for each row when (old.role is distinct from new.role or old.is_active is distinct from new.is_active)
    execute function huph_monitor_changes();

create or replace trigger huph_monitor_changes_delete after delete on users
    for each row execute function huph_monitor_changes();

create or replace trigger huph_monitor_changes_settings after insert or update or delete on system_settings
    for each row execute function huph_monitor_changes();

commit;
