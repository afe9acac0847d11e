-- Which store has the trace of an archived run; null where an earlier version did not say. It may have been the disk of
-- one node.
alter table runs add column archive_store text;
