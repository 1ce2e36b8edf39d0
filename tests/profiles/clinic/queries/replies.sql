-- Nobody measures the assistant's replies here.
select date_part('epoch', now())::float8 as now, 0::int8 as count, null::float8 as p50_s, null::float8 as p95_s
