-- Who is on duty in which ward.
select coalesce(array_agg(w.label order by w.label, d.nurse), '{}')::text[]                as cluster,
       coalesce(array_agg(coalesce(d.nurse, '') order by w.label, d.nurse), '{}')::text[]   as counselor,
       coalesce(array_agg(coalesce(d.present, false) order by w.label, d.nurse), '{}')::bool[] as active
from care.ward w left join care.duty d on d.ward = w.label
