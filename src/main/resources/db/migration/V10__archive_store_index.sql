-- Apart from the column: together they would keep everybody out of the runs until the index is built.
create index runs_archive_store on runs (archive_store, id) where archived_at is not null;
