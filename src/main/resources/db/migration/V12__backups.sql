-- Whoever backs this database up adds a row once the backup is whole and where it should be. It tells alerts when that was.
create table backups (
  id          bigint generated always as identity primary key,
  finished_at timestamptz not null default clock_timestamp(),
  object      text not null,
  bytes       bigint not null check (bytes > 0)
);

create index backups_newest on backups (finished_at);
