-- The oracle's own log of every change to messages: what any snapshot must count, whatever happened since. It is written
-- in the same transaction as the change, so it is visible exactly when the change is. Nothing of the platform's triggers
-- or of the monitor's is used.
create table oracle_log (
    xid xid8 not null default pg_current_xact_id(),
    kind text not null,
    second int8 not null,
    n int4 not null
);
create index on oracle_log (second);

create function oracle_inserted() returns trigger language plpgsql as $$
begin
    insert into oracle_log (kind, second, n)
    select 'insert', floor(date_part('epoch', created_at))::int8, count(*) from added group by 2;
    return null;
end
$$;

create function oracle_deleted() returns trigger language plpgsql as $$
begin
    insert into oracle_log (kind, second, n)
    select 'delete', floor(date_part('epoch', created_at))::int8, -count(*) from gone group by 2;
    return null;
end
$$;

create function oracle_updated() returns trigger language plpgsql as $$
begin
    insert into oracle_log (kind, second, n)
    select 'update', second, sum(n) from (
        select floor(date_part('epoch', created_at))::int8 as second, -1 as n from gone
        union all
        select floor(date_part('epoch', created_at))::int8, 1 from added
    ) moved group by 2 having sum(n) <> 0;
    return null;
end
$$;

create function oracle_truncated() returns trigger language plpgsql as $$
begin
    insert into oracle_log (kind, second, n)
    select 'truncate', floor(date_part('epoch', created_at))::int8, -count(*) from messages group by 2;
    return null;
end
$$;

create trigger oracle_inserted after insert on messages
    referencing new table as added for each statement execute function oracle_inserted();
create trigger oracle_deleted after delete on messages
    referencing old table as gone for each statement execute function oracle_deleted();
create trigger oracle_updated after update on messages
    referencing old table as gone new table as added for each statement execute function oracle_updated();
create trigger oracle_truncated before truncate on messages
    for each statement execute function oracle_truncated();

-- What was there before the log began.
insert into oracle_log (kind, second, n)
select 'insert', floor(date_part('epoch', created_at))::int8, count(*) from messages group by 2;
