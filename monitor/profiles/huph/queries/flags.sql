-- The feature flags $1, where they are kept as settings; asked only with `source = "sql"`. What is null is not set, or a secret.
with kept as (
    select key as name, left(value, 1000) as value
    from huph_monitor_settings
    where key = any($1::text[]) and value is not null
)
select coalesce(array_agg(name order by name), '{}')::text[]  as name,
       coalesce(array_agg(value order by name), '{}')::text[] as value
from kept
