-- Shards of a cluster that the work of a job asks; null where there is no cluster, or nothing is known yet.
ALTER TABLE uws.job ADD COLUMN shards integer;
