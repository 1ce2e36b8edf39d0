-- The platform's settings by the views of sql/monitor_role.sql. $1 are the keys that the profile expects, $2 those among
-- them that it holds for secrets: their values are left out here as well, whatever the platform says of them. Of long
-- values the first 2001 characters are judged; of a crowd of keys, the expected ones and the first 200.
--
-- An edit and its record are written in one transaction, so they bear the same time. Where the platform keeps no audit log,
-- nothing is missing from it.
with kept as (
    select left(key, 200) as key,
           case when secret or key = any($2::text[]) then '' else coalesce(left(value, 2001), '') end as value,
           configured, secret, editable, version,
           -- Instants that no calendar has ('infinity') are brought near enough to be reckoned with.
           greatest(least(coalesce(updated_at, to_timestamp(0)), now() + interval '1 year'), to_timestamp(0)) as changed_at,
           (select coalesce(left(log.by, 200), '') from huph_monitor_audit as log
            where log.key = kept.key and log.at = kept.updated_at order by log.id desc limit 1) as changed_by
    from huph_monitor_settings as kept
    order by key <> all($1::text[]), key
    limit 200 + cardinality($1::text[])
)
select date_part('epoch', now())::float8                                                           as now,
       coalesce(array_agg(key order by key), '{}')::text[]                                         as key,
       coalesce(array_agg(value order by key), '{}')::text[]                                       as value,
       coalesce(array_agg(configured order by key), '{}')::bool[]                                  as configured,
       coalesce(array_agg(secret order by key), '{}')::bool[]                                      as secret,
       coalesce(array_agg(editable order by key), '{}')::bool[]                                    as editable,
       coalesce(array_agg(coalesce(version, -1) order by key), '{}')::int8[]                       as version,
       coalesce(array_agg(date_part('epoch', changed_at)::float8 order by key), '{}')::float8[]    as changed_at,
       coalesce(array_agg(coalesce(changed_by, '') order by key), '{}')::text[]                    as changed_by,
       coalesce(
           array_agg(to_regclass('audit_log') is null or changed_by is not null order by key), '{}'
       )::bool[]                                                                                   as audited
from kept
