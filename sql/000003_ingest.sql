-- What `ingest table` knows beside the description of a table.

-- Rows per HEALPix cell, for the estimates of region queries: pgSphere's own selectivity is a constant. A trigger
-- stands for the foreign key, whose check of each row took longer than the counting.
CREATE TABLE almagest.cell_count (
  table_name text NOT NULL,            -- almagest.published_table
  cell_order integer NOT NULL,
  cell       bigint NOT NULL,          -- NESTED
  row_count  bigint NOT NULL,
  PRIMARY KEY (table_name, cell)
);

CREATE FUNCTION almagest.follow_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM almagest.cell_count WHERE table_name = OLD.table_name;
  ELSE
    UPDATE almagest.cell_count SET table_name = NEW.table_name WHERE table_name = OLD.table_name;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER follow_delete AFTER DELETE ON almagest.published_table
  FOR EACH ROW EXECUTE FUNCTION almagest.follow_table();
CREATE TRIGGER follow_rename AFTER UPDATE ON almagest.published_table
  FOR EACH ROW WHEN (OLD.table_name <> NEW.table_name) EXECUTE FUNCTION almagest.follow_table();

-- Tables that a newer one has replaced: dropped once no query reads them any more.
CREATE TABLE almagest.retired_table (
  sql_schema text NOT NULL,
  sql_table  text NOT NULL,
  retired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (sql_schema, sql_table)
);
