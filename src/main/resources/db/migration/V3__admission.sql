-- Runs that nobody owns, oldest first in each tenant: what is claimed, counted, and ended at its deadline.
create index runs_unowned on runs (tenant, id) where owner is null and status in ('queued', 'running');
