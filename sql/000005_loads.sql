-- Loads that are at work or were broken off, and the coordinate and time systems of columns.

-- Rows are staged file by file, so that a load that is broken off can go on where it was.
CREATE TABLE almagest.load_run (
  sql_schema  text NOT NULL,           -- of the table that is to be made or extended
  sql_table   text NOT NULL,
  staging     text NOT NULL,           -- table in the same schema that holds the rows so far
  fingerprint text NOT NULL,           -- of the files and columns: another load cannot go on with these rows
  state       jsonb NOT NULL,          -- rows read of each file, and the tally
  begun_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sql_schema, sql_table)
);

-- COOSYS and TIMESYS (VOTable 1.4 §3.4–3.5), each once; a column refers to one by its id.
CREATE TABLE almagest.published_system (
  system_id  text PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('COOSYS', 'TIMESYS')),
  attributes jsonb NOT NULL
);

ALTER TABLE almagest.published_column ADD COLUMN system_id text REFERENCES almagest.published_system;
