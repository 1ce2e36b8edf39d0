-- The notifications that were committed since the snapshot $1 (null: none yet), the newest first; $2 newest rows are looked at.
-- Of the keys $3, which signals have named, those are counted that no row bears.
-- Of the keys $3, which signals have named, those are counted that no row bears.
-- A row's xmin has 32 bits of its transaction's 64: the rest is that of the newest transaction there is, or one less.
-- What an application's clock stamped far ahead is left out: its instant says nothing.
with since as materialized (
    select $1::text::pg_snapshot as snapshot, pg_snapshot_xmax(pg_current_snapshot())::text::int8 as next
), recent as (
    -- Without an index on created_at the newest are those with the highest id.
    select id, created_at, transaction
    from (select id, created_at, xmin::text as transaction from notifications order by id desc limit $2::int8) newest
    where created_at between now() - interval '10 minutes' and now() + interval '1 minute'
), committed as (
    select r.*
    from recent r
    cross join since s
    cross join lateral (select s.next - s.next % 4294967296 + r.transaction::int8 as wide) w
    where not pg_visible_in_snapshot(
        greatest(case when w.wide < s.next then w.wide else w.wide - 4294967296 end, 0)::text::xid8, s.snapshot
    )
)
select pg_current_snapshot()::text                                             as snapshot,
       date_part('epoch', now())::float8                                       as now,
       coalesce(array_agg(id::text order by created_at desc, id desc), '{}')::text[]    as identity,
       coalesce(array_agg(transaction order by created_at desc, id desc), '{}')::text[] as transaction,
       coalesce(array_agg(date_part('epoch', created_at)::float8 order by created_at desc, id desc), '{}')::float8[]
                                                                               as created,
       (select count(*) from unnest($3::text[]) key
        where not exists (select from notifications where id = case when key ~ '^\d{1,18}$' then key::int8 end)) as unexplained
from committed
