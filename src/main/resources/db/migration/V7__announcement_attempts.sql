-- How telling people of an approval went: its last attempts, as the API shows them; null while there was none.
alter table approvals add column announcement jsonb;
