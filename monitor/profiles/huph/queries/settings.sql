-- The platform's settings by the view of sql/role.sql. $1 are the keys that the profile expects, $2 those among them that it
-- holds for secrets: their values are left out here as well, whatever the platform says of them. Of long values the first
-- 2000 characters are judged; of a crowd of keys, the expected ones and the first 200.
with kept as (
    select left(key, 200) as key,
           case when secret or key = any($2::text[]) then '' else coalesce(left(value, 2000), '') end as value,
           configured, secret, editable, version,
           -- Instants that no calendar has ('infinity') are brought near enough to be reckoned with.
           greatest(least(coalesce(updated_at, to_timestamp(0)), now() + interval '1 year'), to_timestamp(0)) as changed_at
    from huph_monitor_settings
    order by key <> all($1::text[]), key
    limit 200 + cardinality($1::text[])
)
select coalesce(array_agg(key order by key), '{}')::text[]                                         as key,
       coalesce(array_agg(value order by key), '{}')::text[]                                       as value,
       coalesce(array_agg(configured order by key), '{}')::bool[]                                  as configured,
       coalesce(array_agg(secret order by key), '{}')::bool[]                                      as secret,
       coalesce(array_agg(editable order by key), '{}')::bool[]                                    as editable,
       coalesce(array_agg(version order by key), '{}')::int8[]                                     as version,
       coalesce(array_agg(date_part('epoch', changed_at)::float8 order by key), '{}')::float8[]    as changed_at
from kept
