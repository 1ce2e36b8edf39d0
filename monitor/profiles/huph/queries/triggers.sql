-- What the catalogue says of the triggers on the tables $1; a table that does not exist is an error that names it.
-- The hash is of what the trigger is and does, not of whether it is enabled. Comments are not read as source.
with wanted as (
    select name, name::regclass as id from unnest($1::text[]) as t (name)
), found as (
    select w.name as relation, t.tgname::text as trigger, p.proname::text as function, t.tgenabled::text as enabled,
           md5(pg_get_triggerdef(t.oid) || p.prosrc) as hash,
           s.code ~* '\mnotify\M|\mpg_notify\M' as notifies,
           s.code ~* '\mrow_to_json\M|\mto_jsonb?\s*\(\s*(new|old)\s*(\.\s*\*\s*)?[,)]' as whole_row,
           case when t.tgtype & 1 = 1 then 'row' else 'statement' end as level,
           c.relkind = 'p' as partitioned
    from wanted w
    join pg_class c on c.oid = w.id
    join pg_trigger t on t.tgrelid = w.id and not t.tgisinternal
    join pg_proc p on p.oid = t.tgfoid
    cross join lateral (select regexp_replace(p.prosrc, '--[^\n]*', '', 'g') as code) s
)
select coalesce(array_agg(trigger order by relation, trigger), '{}')::text[]     as trigger,
       coalesce(array_agg(relation order by relation, trigger), '{}')::text[]    as relation,
       coalesce(array_agg(function order by relation, trigger), '{}')::text[]    as function,
       coalesce(array_agg(enabled order by relation, trigger), '{}')::text[]     as enabled,
       coalesce(array_agg(hash order by relation, trigger), '{}')::text[]        as hash,
       coalesce(array_agg(notifies order by relation, trigger), '{}')::bool[]    as notifies,
       coalesce(array_agg(whole_row order by relation, trigger), '{}')::bool[]   as whole_row,
       coalesce(array_agg(level order by relation, trigger), '{}')::text[]       as level,
       coalesce(array_agg(partitioned order by relation, trigger), '{}')::bool[] as partitioned
from found
