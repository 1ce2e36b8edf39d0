-- The login by which settings are edited, and all that it may do: call one function. Run as a superuser in the platform's
-- database, after monitor_role.sql; running it again does no harm. Give it a password afterwards:
-- \password huph_monitor_editor
--
-- The function compares, writes the setting and writes its record into audit_log, or does nothing of it. The log needs a
-- column for the details: alter table audit_log add column detail jsonb;
-- Triggers of the platform's that would run at the commit run within it, with its search_path: tables that they name without
-- their schema are not found, and then nothing is written. All of it must take less than a second.
-- Where system_settings has no column `version`, an edit is compared with the value that its actor has seen instead; what is
-- secret cannot be edited there.
--
-- A new value comes as a parameter and stands in the text of no statement. What the role logs has no parameters, whatever
-- the server logs otherwise. Who loads auto_explain (with log_nested_statements) or pgaudit (with log_parameter) takes
-- this role out. The value lies in system_settings, in the write-ahead log and in backups, as each value there does.

begin;
set local lock_timeout = '2s';

do $$
begin
    if not exists (select from pg_roles where rolname = 'huph_monitor_editor') then
        create role huph_monitor_editor login;
    end if;
end
$$;

alter role huph_monitor_editor nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 2;
alter role huph_monitor_editor set statement_timeout = '1s';
alter role huph_monitor_editor set lock_timeout = '200ms';
alter role huph_monitor_editor set idle_in_transaction_session_timeout = '5s';
alter role huph_monitor_editor set idle_session_timeout = '60s';
-- The function looks again after each lock that it waited for.
alter role huph_monitor_editor set default_transaction_isolation = 'read committed';
alter role huph_monitor_editor set log_parameter_max_length = 0;
alter role huph_monitor_editor set log_parameter_max_length_on_error = 0;

grant usage on schema public to huph_monitor_editor;

-- Outcomes: done; conflict (somebody was faster), with the setting as it is; absent, not_editable, not_allowed. One request
-- is written once, however often it is asked for: who lost the connection amid an answer asks again.
create or replace function huph_monitor_edit_setting(
    setting      text,
    wanted       text,
    seen_version int8,  -- the version that the actor has seen; null: `seen_value` is compared instead
    seen_value   text,
    actor        text,
    actor_id     text,  -- of a user; null for a service's token, whose actor is token:NAME
    reason       text,
    address      text,
    request      text,
    hidden       bool   -- a secret by the monitor's word; the platform's own is enough as well
) returns table (outcome text, version int8, changed_at timestamptz, changed_by text, value text, configured bool)
language plpgsql
security definer
-- Nothing that somebody else calls by the same name is meant in here.
set search_path = pg_catalog, pg_temp
as $$
declare
    kept   public.system_settings%rowtype;
    logged public.audit_log%rowtype;
    acting public.users%rowtype;
    who    public.users.id%type;
    known  int8;  -- the version that there is; null where the platform keeps none
    quoted text;
    stands text;  -- the value after the update: the platform's own triggers may have written it otherwise
    logs   int8;
    secret bool;
    there  bool;
    allowed bool := true;
begin
    select * into kept from public.system_settings as s where s.key = setting for no key update;
    there := found;
    secret := hidden or kept.is_secret is not false;
    if to_jsonb(kept) ? 'version' then
        known := coalesce((to_jsonb(kept) ->> 'version')::int8, 0);
    end if;

    select * into logged from public.audit_log as l
    where l.action = 'setting.update' and l.subject = setting and l.at > now() - interval '1 hour'
      and l.detail ->> 'request_id' = request;
    if found then
        return query select 'done', (logged.detail ->> 'version')::int8, logged.at, logged.actor, null::text, null::bool;
        return;
    end if;

    if not there then
        return query select 'absent', null::int8, null::timestamptz, null::text, null::text, null::bool;
        return;
    end if;

    begin
        who := actor_id;
    exception when data_exception then
        who := null;
    end;
    -- Whom the record names is the table's word, and no token's name: what a session calls itself anybody may be called.
    if actor_id is not null then
        select * into acting from public.users as u
        where u.id = who and u.id::text = actor_id and u.is_active and u.role::text in ('super_admin', 'system_admin');
        allowed := found;
        actor := left(coalesce(nullif(to_jsonb(acting) ->> 'email', ''), nullif(to_jsonb(acting) ->> 'name', ''), actor_id), 200);
    end if;
    if not allowed or (actor_id is null) <> coalesce(actor like 'token:%', false) then
        return query select 'not_allowed', null::int8, null::timestamptz, null::text, null::text, null::bool;
        return;
    end if;

    if kept.editable is not true then
        return query select 'not_editable', null::int8, null::timestamptz, null::text, null::text, null::bool;
        return;
    end if;

    -- Whether a secret has this value or that is not told either.
    if (case when seen_version is not null then known is distinct from seen_version
             else secret or coalesce(kept.value, '') <> coalesce(seen_value, '') end) then
        return query
        select 'conflict', known, kept.updated_at,
               (select l.actor from public.audit_log as l
                where l.action = 'setting.update' and l.subject = setting and l.at = kept.updated_at
                order by l.id desc limit 1),
               case when not secret then coalesce(kept.value, '') end,
               coalesce(kept.value, '') <> '';
        return;
    end if;

    -- Who gives a reason for a new secret may quote it, or the old one: of such a reason nothing is kept.
    if secret then
        foreach quoted in array array[wanted, kept.value] loop
            quoted := btrim(quoted, E' \t\r\n');
            if quoted <> '' and position(quoted in reason) > 0 then
                reason := '';
            end if;
        end loop;
    end if;

    begin
        if known is not null then
            update public.system_settings as s
            set value = wanted, version = coalesce(s.version, 0) + 1, updated_at = now()
            where s.key = setting
            returning s.version, s.updated_at, s.value into version, changed_at, stands;
        else
            update public.system_settings as s set value = wanted, updated_at = now()
            where s.key = setting
            returning s.updated_at, s.value into changed_at, stands;
        end if;
        if not found then
            raise exception 'a trigger has taken the edit away' using errcode = 'triggered_action_exception';
        end if;
        insert into public.audit_log (actor, action, subject, at, detail) values (
            actor, 'setting.update', setting, changed_at,
            jsonb_strip_nulls(jsonb_build_object(
                'version', version,
                'old', case when not secret then kept.value end,
                'new', case when not secret then stands end,
                'secret', case when secret then true end,
                'user_id', actor_id,
                'reason', nullif(reason, ''),
                'address', nullif(address, ''),
                'request_id', request
            ))
        );
        get diagnostics logs = row_count;
        if logs <> 1 then
            raise exception 'a trigger has taken the record away' using errcode = 'triggered_action_exception';
        end if;
        -- What is checked at the commit is checked here, where its words go no further.
        set constraints all immediate;
    exception when others then
        -- The words of a constraint or of another trigger may quote the value, and errors go to the server's log.
        raise exception 'the platform turned the edit of a setting away' using errcode = sqlstate;
    end;
    return query select 'done', version, changed_at, actor, null::text, null::bool;
end
$$;

-- It may what the owner of the settings may, and nothing as a superuser.
do $$
declare
    owner name := (select pg_get_userbyid(relowner) from pg_class where oid = 'public.system_settings'::regclass);
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'public.audit_log'::regclass and attname = 'detail' and atttypid = 'jsonb'::regtype and not attisdropped
    ) then
        raise exception 'audit_log has no column for the details; run: alter table audit_log add column detail jsonb';
    end if;
    if not (
        has_table_privilege(owner, 'public.audit_log', 'insert')
        and has_table_privilege(owner, 'public.audit_log', 'select')
        and has_table_privilege(owner, 'public.users', 'select')
    ) then
        raise exception 'the owner of system_settings, %, must be allowed to read users, and to read and write audit_log', owner;
    end if;
    execute format(
        'alter function huph_monitor_edit_setting(text, text, int8, text, text, text, text, text, text, bool) owner to %I', owner
    );
end
$$;

revoke all on function huph_monitor_edit_setting(text, text, int8, text, text, text, text, text, text, bool) from public;
grant execute on function huph_monitor_edit_setting(text, text, int8, text, text, text, text, text, text, bool)
    to huph_monitor_editor;

commit;
