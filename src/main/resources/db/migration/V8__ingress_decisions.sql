-- Decisions of no run chain per node and day. Where such a chain ends, so that a cut tail shows; a run's says so itself.
create table decision_chains (
  chain_id  uuid primary key,
  node      uuid not null,
  day       date not null,
  decisions bigint not null check (decisions > 0),
  hash      text not null
);
