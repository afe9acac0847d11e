-- Finished runs are archived, and the months of which everything is archived are dropped.

alter table runs add column archived_at timestamptz, add column archive_sha256 text;

-- What is still to be archived, and what keeps a month from being dropped.
create index runs_unarchived on runs (id) where archived_at is null;

-- The months that were dropped in order: their decisions are not missing.
create table retired_months (
  lower      uuid primary key,
  upper      uuid not null,
  retired_at timestamptz not null
);

-- The months of the partitions that are there, as their bounds.
create function partition_months() returns table (suffix text, starts timestamptz, ends timestamptz)
language sql stable as $$
  select s, t at time zone 'UTC', (t + interval '1 month') at time zone 'UTC'
  from (select substr(c.relname, length('events') + 1) as s from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'events'::regclass) as found,
    lateral (select to_timestamp(s, '_"y"YYYY"m"MM') at time zone current_setting('timezone') as t) as month
$$;

-- Below it no partition is left.
create function first_partition() returns uuid language sql stable as $$
  select uuid_at(min(starts)) from partition_months()
$$;

-- Drops the partitions of a month, unless one of its runs is not archived. False: not now. Waits half a second at most
-- for whoever reads them, since everybody waits behind a drop that waits.
create function drop_month(wanted text) returns boolean language plpgsql as $$
declare
  lowest  uuid;
  highest uuid;
begin
  if not pg_try_advisory_xact_lock(hashtext('taskpilot.drop_month')) then
    return false;
  end if;
  select uuid_at(starts), uuid_at(ends) into lowest, highest from partition_months() where suffix = wanted;
  if lowest is null or exists (select 1 from runs where id >= lowest and id < highest and archived_at is null) then
    return false;
  end if;
  set local lock_timeout = '500ms';
  execute format('drop table %I', 'events' || wanted);
  execute format('drop table if exists %I', 'artifacts' || wanted);
  execute format('drop table if exists %I', 'decisions' || wanted);
  insert into retired_months values (lowest, highest, clock_timestamp())
  on conflict (lower) do update set retired_at = excluded.retired_at;
  return true;
end
$$;
