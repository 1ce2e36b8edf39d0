-- The monitor's own login: it may read what it judges, and nothing else. Run as a superuser in the platform's database;
-- running it again does no harm. Give it a password afterwards: \password huph_monitor

do $$
begin
    if not exists (select from pg_roles where rolname = 'huph_monitor') then
        create role huph_monitor login;
    end if;
end
$$;

alter role huph_monitor nosuperuser nocreatedb nocreaterole connection limit 6;
alter role huph_monitor set default_transaction_read_only = on;
alter role huph_monitor set statement_timeout = '2s';
-- A lock that waits behind a migration would queue the platform behind us (PostgreSQL 18, 13.3.1).
alter role huph_monitor set lock_timeout = '200ms';
alter role huph_monitor set idle_in_transaction_session_timeout = '5s';
alter role huph_monitor set idle_session_timeout = 0;
alter role huph_monitor set max_parallel_workers_per_gather = 0;
alter role huph_monitor set jit = off;
-- With stale statistics a recount was planned as a sequential scan and took a hundred times as long.
alter role huph_monitor set enable_seqscan = off;
alter role huph_monitor set work_mem = '8MB';

grant pg_read_all_stats to huph_monitor;
grant usage on schema public to huph_monitor;
grant select (id, created_at, sender_type, conversation_id) on messages to huph_monitor;
grant select (id, handled_by) on conversations to huph_monitor;
