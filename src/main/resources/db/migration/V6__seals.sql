-- Each day that is over gets a seal: a hash over the heads of the chains of decisions, chained to the day before.

-- The first day that is sealed: in a log from before, the day of its first run.
create table sealing (
  id        int primary key default 1 check (id = 1),
  first_day date not null
);
insert into sealing (first_day)
select least((now() at time zone 'UTC')::date, (min(created_at) at time zone 'UTC')::date) from runs;

create table seals (
  day       date primary key,
  chains    bigint not null,
  rows      bigint not null,
  root      text not null,
  prev_hash text not null,
  hash      text not null,
  sealed_at timestamptz not null default clock_timestamp(),
  copied_to text -- the object store that has it, by name
);

-- What a seal covers: chains as long as they were when it was made. What a chain grows by later is in a later seal, so
-- nothing that is appended can break one.
create table seal_heads (
  day      date not null,
  chain_id uuid not null,
  since    bigint not null check (since >= 0), -- so many rows are in earlier seals
  length   bigint not null check (length > since),
  hash     text not null, -- of the row at that position
  primary key (day, chain_id)
) partition by range (day);

create index seal_heads_of_chain on seal_heads (chain_id, day);

create function make_seal_partition(wanted date) returns void language plpgsql as $$
declare
  lower date := make_date(extract(year from wanted)::int, extract(month from wanted)::int, 1);
  name  text := 'seal_heads' || to_char(lower, '"_y"YYYY"m"MM');
begin
  if to_regclass(name) is null then
    execute format('create table %I partition of seal_heads for values from (%L) to (%L)',
                   name, lower, (lower + interval '1 month')::date);
  end if;
end
$$;

-- The seal that has the whole chain of an ended run.
alter table runs add column sealed_on date;

-- As before, but a month stays until it is sealed: each of its days, and each of its runs, whenever that ended.
create or replace function drop_month(wanted text) returns boolean language plpgsql as $$
declare
  lowest   uuid;
  highest  uuid;
  last_day date;
begin
  if not pg_try_advisory_xact_lock(hashtext('taskpilot.drop_month')) then
    return false;
  end if;
  select uuid_at(starts), uuid_at(ends), (ends at time zone 'UTC')::date - 1 into lowest, highest, last_day
  from partition_months() where suffix = wanted;
  if lowest is null
      or exists (select 1 from runs
                 where id >= lowest and id < highest and (archived_at is null or sealed_on is null))
      or not exists (select 1 from seals where day >= last_day) then
    return false;
  end if;
  set local lock_timeout = '500ms';
  execute format('drop table %I', 'events' || wanted);
  execute format('drop table if exists %I', 'artifacts' || wanted);
  execute format('drop table if exists %I', 'decisions' || wanted);
  execute format('drop table if exists %I', 'seal_heads' || wanted);
  insert into retired_months values (lowest, highest, clock_timestamp())
  on conflict (lower) do update set retired_at = excluded.retired_at;
  return true;
end
$$;
