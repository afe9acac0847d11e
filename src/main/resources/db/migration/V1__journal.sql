-- The journal and what is projected from it. Run ids are UUIDv7, so a range of ids is a range of time: events, their
-- artifacts and decisions are partitioned by month of the run, and dropping a partition removes whole runs.

create table nodes (
  id         uuid primary key,
  state      text not null check (state in ('live', 'dead')),
  expires_at timestamptz not null
);

create table runs (
  id                  uuid primary key,
  tenant              text not null default 'default',
  principal           text not null,
  roles               jsonb not null,
  request_id          text not null,
  trace_context       text not null default '',
  input               text not null,
  metadata            jsonb not null,
  timeout_s           bigint not null,
  require_approval    boolean not null,
  format              int not null,
  -- who drives it: an append must know the fence, a claim raises it
  owner               uuid,
  claim_id            uuid, -- of the claim call: one whose answer was lost finds its runs again
  fence               bigint not null,
  unowned_cause       text not null,
  stalls              int not null default 0,
  cancel_requested_at timestamptz,
  -- folded from the events
  status              text not null check (status in ('queued', 'running', 'awaiting_approval', 'succeeded', 'rejected',
                                                      'blocked', 'failed', 'timed_out', 'cancelled')),
  last_seq            bigint not null,
  attempt             int not null default 1,
  pending_approval    uuid,
  created_at          timestamptz not null,
  started_at          timestamptz,
  finished_at         timestamptz,
  parked_at           timestamptz,
  parked_ms           bigint not null default 0,
  input_tokens        bigint not null default 0,
  output_tokens       bigint not null default 0,
  cost_usd            double precision not null default 0,
  summary             jsonb,
  -- the head of the run's chain of decisions: a cut tail shows
  decisions           bigint not null default 0,
  decisions_hash      text not null default ''
) with (fillfactor = 70); -- every append updates the row: room for it on the same page

create index runs_newest on runs (created_at, id);
create index runs_by_status on runs (status, created_at, id);
create index runs_active on runs (owner, id) where status in ('queued', 'running');

create table events (
  run_id    uuid not null,
  seq       bigint not null check (seq > 0),
  append_id uuid not null,
  type      text not null,
  at        timestamptz not null,
  attempt   int not null,
  data      jsonb not null,
  artifacts int not null default 0,
  primary key (run_id, seq)
) partition by range (run_id);

create index events_model_calls on events (at) where type = 'agent.completed';

-- Values too large for an event, put back at their path when it is read.
create table artifacts (
  run_id  uuid not null,
  seq     bigint not null,
  n       int not null,
  path    jsonb not null,
  json    boolean not null,
  content text not null,
  primary key (run_id, seq, n)
) partition by range (run_id);

create table decisions (
  chain_id        uuid not null,
  position        bigint not null check (position > 0),
  id              uuid not null,
  run_id          uuid,
  request_id      text not null,
  trace_id        text not null,
  tenant          text not null,
  principal       text not null,
  decision_type   text not null,
  phase           text not null,
  result          text not null,
  rule            text not null,
  reason          text not null,
  agent           text not null,
  tool            text not null,
  policy_revision text not null,
  input_sha256    text not null,
  context         text not null,
  latency_ms      double precision not null,
  created_at      timestamptz not null, -- of the deciding node's clock, as the hash covers it
  prev_hash       text not null,
  hash            text not null,
  primary key (chain_id, position)
) partition by range (chain_id);

create index decisions_newest on decisions (created_at, id);

create table approvals (
  id          uuid primary key,
  run_id      uuid not null,
  asked       jsonb not null,
  status      text not null check (status in ('pending', 'answered', 'expired')),
  created_at  timestamptz not null,
  expires_at  timestamptz not null,
  answer      text,
  answered_by text,
  reason      text,
  answered_at timestamptz
);

create index approvals_newest on approvals (created_at, id);
create index approvals_of_run on approvals (run_id);
create index approvals_pending on approvals (expires_at) where status = 'pending';

create table tasks (
  id          uuid primary key,
  run_id      uuid not null,
  title       text not null,
  priority    text not null,
  description text not null,
  status      text not null check (status in ('pending', 'approved', 'rejected', 'review', 'executed', 'failed')),
  version     bigint not null,
  created_at  timestamptz not null,
  updated_at  timestamptz not null
);

create index tasks_newest on tasks (created_at, id);
create index tasks_of_run on tasks (run_id);

create table idempotency_keys (
  principal   text not null,
  route       text not null,
  key         text not null,
  run_id      uuid not null,
  body_sha256 text not null,
  created_at  timestamptz not null,
  primary key (principal, route, key)
);

create index idempotency_keys_age on idempotency_keys (created_at);

create table feedback (
  run_id    uuid not null,
  principal text not null,
  correct   boolean not null,
  comment   text not null,
  at        timestamptz not null,
  primary key (run_id, principal)
);

-- The smallest UUIDv7 of a moment.
create function uuid_at(moment timestamptz) returns uuid language sql immutable as $$
  select (substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-0000-0000-000000000000')::uuid
  from lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') as h
$$;

-- Makes the partitions of the last month (clocks differ at its end), this one and three ahead. There is no default
-- partition: rows in it would have to move before their month's partition could be made.
create function make_partitions() returns int language plpgsql as $$
declare
  first  timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
  lower  timestamptz;
  upper  timestamptz;
  name   text;
  parent text;
  made   int := 0;
begin
  perform pg_advisory_xact_lock(hashtext('taskpilot.make_partitions'));
  for i in -1..3 loop
    lower := (first at time zone 'UTC' + make_interval(months => i)) at time zone 'UTC';
    upper := (first at time zone 'UTC' + make_interval(months => i + 1)) at time zone 'UTC';
    foreach parent in array array['events', 'artifacts', 'decisions'] loop
      name := parent || to_char(lower at time zone 'UTC', '"_y"YYYY"m"MM');
      if to_regclass(name) is null then
        execute format('create table %I partition of %I for values from (%L) to (%L)',
                       name, parent, uuid_at(lower), uuid_at(upper));
        made := made + 1;
      end if;
    end loop;
  end loop;
  return made;
end
$$;

do $$ begin perform make_partitions(); end $$;
