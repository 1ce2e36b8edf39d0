-- What the catalogue says of the triggers on the tables $1; a table that does not exist is an error that names it.
with wanted as (
    select name, name::regclass as id from unnest($1::text[]) as t (name)
), found as (
    select w.name as relation, t.tgname::text as trigger, p.proname::text as function, t.tgenabled::text as enabled
    from wanted w
    join pg_trigger t on t.tgrelid = w.id and not t.tgisinternal
    join pg_proc p on p.oid = t.tgfoid
)
select coalesce(array_agg(trigger order by relation, trigger), '{}')::text[]  as trigger,
       coalesce(array_agg(relation order by relation, trigger), '{}')::text[] as relation,
       coalesce(array_agg(function order by relation, trigger), '{}')::text[] as function,
       coalesce(array_agg(enabled order by relation, trigger), '{}')::text[]  as enabled
from found
