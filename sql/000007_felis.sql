-- The Felis file that a schema was last described by, for `doctor` to find what has drifted from it.
CREATE TABLE almagest.applied_schema (
  schema_name text PRIMARY KEY,
  felis       text NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now()
);
