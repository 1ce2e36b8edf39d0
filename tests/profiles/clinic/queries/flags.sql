-- The switches of the clinic.
select coalesce(array_agg(label order by label), '{}')::text[]  as name,
       coalesce(array_agg(state order by label), '{}')::text[]  as value
from care.switch
where label = any($1::text[])
