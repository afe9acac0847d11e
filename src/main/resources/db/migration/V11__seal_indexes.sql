-- Apart from the column of the runs, which would keep everybody out of them until the indexes are built.

-- From one chain of no run to the next: who is to be sealed is asked of the decisions themselves.
create index decisions_of_no_run on decisions (chain_id, position) where run_id is null;

-- Ended runs that are still to be sealed, and runs that have not ended (theirs is null, which is sorted last).
create index runs_unsealed on runs (finished_at, id) where sealed_on is null;
