-- Who is assigned to which cluster, one element per assignment; a cluster without any stands once, with counselor ''.
-- Of a crowd, the first hundred of each cluster are enough, the active ones first. Who shares a name is told apart by id.
with assigned as (
    select c.id,
           coalesce(nullif(btrim(c.name), ''), '#' || c.id) as cluster,
           a.user_id,
           coalesce(nullif(btrim(u.name), ''), '#' || a.user_id, '') as name,
           coalesce(u.is_active, false) as active
    from clusters c
    left join cluster_assignments a on a.cluster_id = c.id
    left join users u on u.id = a.user_id
), told_apart as (
    select id, cluster, active, user_id,
           name || case when count(*) over (partition by id, name) > 1 then ' #' || user_id else '' end as counselor,
           row_number() over (partition by id order by active desc, name, user_id) as place
    from assigned
), kept as (
    select * from told_apart where place <= 100
)
select coalesce(array_agg(cluster order by id, counselor, user_id), '{}')::text[]   as cluster,
       coalesce(array_agg(counselor order by id, counselor, user_id), '{}')::text[] as counselor,
       coalesce(array_agg(active order by id, counselor, user_id), '{}')::bool[]    as active
from kept
