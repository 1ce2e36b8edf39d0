-- The edits of the setting $1, by the view of sql/monitor_role.sql; $2 says that the profile holds it for a secret, and $3 how
-- many are told, the newest first. Of the others only the time is read: behind its barrier the view is not read by its index's
-- order, and the details of all would take longer than a question may.
with times as (
    select at from huph_monitor_audit
    where key = $1::text and at between to_timestamp(0) and now() + interval '1 year'
    order by at desc
    limit $3::int8
), newest as (
    select * from huph_monitor_audit
    where key = $1::text and at between (select min(at) from times) and (select max(at) from times)
    order by at desc, id desc
    limit $3::int8
), edits as (
    select coalesce(id, '') as id, date_part('epoch', at)::float8 as at, coalesce(left(by, 200), '') as by,
           left(reason, 500) as reason,
           secret or $2::bool as secret,
           not (secret or $2::bool) and (old is not null or new is not null) as told,
           case when not $2::bool then left(old, 2001) end as old,
           case when not $2::bool then left(new, 2001) end as new,
           row_number() over (order by newest.at desc, newest.id desc) as place
    from newest
)
select coalesce(array_agg(id order by place), '{}')::text[]                as id,
       coalesce(array_agg(at order by place), '{}')::float8[]              as at,
       coalesce(array_agg(by order by place), '{}')::text[]                as by,
       coalesce(array_agg(reason order by place), '{}')::text[]            as reason,
       coalesce(array_agg(secret order by place), '{}')::bool[]            as secret,
       coalesce(array_agg(told order by place), '{}')::bool[]              as told,
       coalesce(array_agg(coalesce(old, '') order by place), '{}')::text[] as old,
       coalesce(array_agg(coalesce(new, '') order by place), '{}')::text[] as new
from edits
