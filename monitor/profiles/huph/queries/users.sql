-- What the users with the ids $1 may: their role, and whether they are active. An id that no user can have is left out, as
-- one that no user has.
with found as (
    select id::text as id, coalesce(role::text, '') as role, coalesce(is_active, false) as active
    from users
    where id = any (array(
        select case when one ~ '^[1-9][0-9]{0,17}$' then one::int8 end from unnest($1::text[]) as one
    ))
)
select coalesce(array_agg(id order by id), '{}')::text[]     as id,
       coalesce(array_agg(role order by id), '{}')::text[]   as role,
       coalesce(array_agg(active order by id), '{}')::bool[] as active
from found
