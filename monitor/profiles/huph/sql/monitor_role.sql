-- The monitor's own login: it may read what it judges, and nothing else. Run as a superuser in the platform's database;
-- running it again does no harm. Give it a password afterwards: \password huph_monitor

begin;

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
-- xmin says which transaction a row came with: so its signal can be waited for.
grant select (id, created_at, sender_type, conversation_id, xmin) on messages to huph_monitor;
grant select (id, created_at, xmin) on notifications to huph_monitor;
grant select (id, handled_by) on conversations to huph_monitor;
grant select (id, name) on clusters to huph_monitor;
grant select (id, name, is_active, role) on users to huph_monitor;
grant select (cluster_id, user_id) on cluster_assignments to huph_monitor;
grant select on cron_runs to huph_monitor;

-- The settings, of which a secret never shows more than whether it is there; the table itself stays closed. What is not
-- plainly no secret is one. Where the platform keeps no version of each, there is none.
do $$
declare
    version text := (
        select 'coalesce(version, 0)' from pg_attribute
        where attrelid = 'system_settings'::regclass and attname = 'version' and not attisdropped
    );
begin
    -- Made anew: a column that the platform has got since then may be of another type.
    drop view if exists huph_monitor_settings;
    execute format($view$
        create view huph_monitor_settings with (security_barrier) as
        select key,
               case when is_secret is false then value end as value,
               is_secret is not false                      as secret,
               coalesce(value, '') <> ''                   as configured,
               coalesce(editable, false)                   as editable,
               %s                                          as version,
               updated_at
        from system_settings
    $view$, coalesce(version, 'null::int8'));
end
$$;

-- Who edited which setting: of the audit log these rows only, and never the value of what is a secret, or was one then.
-- Where the platform keeps no such log, or one without details, the view is there all the same. A platform whose own
-- pages write another action for an edit adds it here and to the index.
do $$
begin
    if to_regclass('audit_log') is null then
        create or replace view huph_monitor_audit with (security_barrier) as
        select ''::text as id, ''::text as key, now() as at, ''::text as by, ''::text as reason, true as secret,
               ''::text as old, ''::text as new
        where false;
        return;
    end if;
    create or replace view huph_monitor_audit with (security_barrier) as
    select to_jsonb(logged) ->> 'id' as id,
           subject                   as key,
           at,
           actor                     as by,
           coalesce(to_jsonb(logged) -> 'detail' ->> 'reason', '') as reason,
           edited.secret,
           case when not edited.secret then to_jsonb(logged) -> 'detail' ->> 'old' end as old,
           case when not edited.secret then to_jsonb(logged) -> 'detail' ->> 'new' end as new
    from audit_log as logged
    left join system_settings as now_is on now_is.key = logged.subject
    cross join lateral (
        select is_secret is not false or coalesce(to_jsonb(logged) -> 'detail' ->> 'secret', '') <> '' as secret
    ) as edited
    where action = 'setting.update';
    -- It is asked in each sweep. On a long log make this index beforehand, with `concurrently`: writers wait for it here.
    set local lock_timeout = '2s';
    create index if not exists huph_monitor_audit_subject on audit_log (subject, at desc) where action = 'setting.update';
end
$$;

-- The views read with their owner's rights: the table's own owner may, a superuser's would be more than they need. So the
-- platform can also drop a view for a migration that changes these columns; this script makes it anew.
do $$
declare
    owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'system_settings'::regclass);
begin
    execute format('alter view huph_monitor_settings owner to %I', owner);
    -- Where the log is another's, who reads the settings may not read it.
    if not coalesce(has_table_privilege(owner, to_regclass('audit_log'), 'select'), true) then
        owner := current_user;
    end if;
    execute format('alter view huph_monitor_audit owner to %I', owner);
end
$$;

grant select on huph_monitor_settings, huph_monitor_audit to huph_monitor;

commit;
