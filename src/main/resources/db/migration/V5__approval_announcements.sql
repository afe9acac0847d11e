-- When to tell people of an approval next; null once they were told. Approvals from before are not told of.
alter table approvals add column announce_at timestamptz;
alter table approvals alter column announce_at set default clock_timestamp();

create index approvals_unannounced on approvals (announce_at) where status = 'pending' and announce_at is not null;
