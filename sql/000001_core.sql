-- What is published, and to whom. The tables in schema almagest are the one truth; TAP_SCHEMA (TAP 1.1 §4) is views
-- over them, so that the two cannot drift apart.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'almagest_public') THEN
    CREATE ROLE almagest_public NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database's migration was faster
END $$;
DO $$
BEGIN
  IF NOT pg_has_role('almagest_public', 'MEMBER') THEN
    GRANT almagest_public TO CURRENT_USER;
  END IF;
END $$;

-- Queries run as this role: nothing but what is granted below and at publication.
DO $$
BEGIN
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
EXCEPTION WHEN insufficient_privilege THEN NULL; -- the schema is somebody else's; nothing of ours is in it
END $$;

CREATE TABLE almagest.published_schema (
  schema_name  text PRIMARY KEY,             -- as queries write it: quoted where it is no regular identifier
  utype        text,
  description  text,
  schema_index integer
);

CREATE TABLE almagest.published_table (
  table_name   text PRIMARY KEY,             -- schema.table as queries write it
  schema_name  text NOT NULL REFERENCES almagest.published_schema,
  table_type   text NOT NULL CHECK (table_type IN ('table', 'view')),
  utype        text,
  description  text,
  table_index  integer,
  sql_schema   text NOT NULL,                -- where PostgreSQL has it
  sql_table    text NOT NULL,
  ra_column    text,                         -- PostgreSQL names of the position pair that has the GiST index
  dec_column   text,
  shard_order  integer,                      -- order K of hpx_shard
  row_count    bigint,                       -- counted when the data came in
  published_at timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (sql_schema, sql_table),
  CHECK ((ra_column IS NULL) = (dec_column IS NULL))
);

CREATE TABLE almagest.published_column (
  table_name   text NOT NULL REFERENCES almagest.published_table ON UPDATE CASCADE ON DELETE CASCADE,
  column_name  text NOT NULL,                -- as queries write it: quoted where it is no regular identifier
  datatype     text NOT NULL,
  arraysize    text,
  xtype        text,
  unit         text,
  ucd          text,
  utype        text,
  description  text,
  indexed      boolean NOT NULL DEFAULT false,
  principal    boolean NOT NULL DEFAULT false,
  std          boolean NOT NULL DEFAULT false,
  column_index integer NOT NULL,
  sql_name     text NOT NULL,                -- PostgreSQL column
  sql_type     text,                         -- PostgreSQL type where datatype and arraysize do not say it: timestamp, spoint …
  PRIMARY KEY (table_name, column_name),
  UNIQUE (table_name, sql_name)
);

CREATE TABLE almagest.published_key (
  key_id       text PRIMARY KEY,
  from_table   text NOT NULL REFERENCES almagest.published_table ON UPDATE CASCADE ON DELETE CASCADE,
  target_table text NOT NULL REFERENCES almagest.published_table ON UPDATE CASCADE ON DELETE CASCADE,
  description  text,
  utype        text
);

CREATE TABLE almagest.published_key_column (
  key_id        text NOT NULL REFERENCES almagest.published_key ON DELETE CASCADE,
  from_column   text NOT NULL,
  target_column text NOT NULL,
  PRIMARY KEY (key_id, from_column)
);

CREATE SCHEMA tap_schema;

CREATE VIEW tap_schema.schemas AS
  SELECT schema_name, utype, description, schema_index FROM almagest.published_schema;

CREATE VIEW tap_schema.tables AS
  SELECT schema_name, table_name, table_type, utype, description, table_index FROM almagest.published_table;

-- TAP 1.1 §4.3: "size" is the length of a one-dimensional array with a known bound, else NULL.
CREATE VIEW tap_schema.columns AS
  SELECT table_name, column_name, datatype, arraysize, xtype,
         CASE WHEN arraysize ~ '^[0-9]{1,9}\*?$' THEN rtrim(arraysize, '*')::integer END AS "size",
         description, utype, unit, ucd,
         indexed::integer AS indexed, principal::integer AS principal, std::integer AS std, column_index
    FROM almagest.published_column;

CREATE VIEW tap_schema.keys AS
  SELECT key_id, from_table, target_table, description, utype FROM almagest.published_key;

CREATE VIEW tap_schema.key_columns AS
  SELECT key_id, from_column, target_column FROM almagest.published_key_column;

GRANT USAGE ON SCHEMA tap_schema TO almagest_public;
GRANT SELECT ON ALL TABLES IN SCHEMA tap_schema TO almagest_public;

-- TAP_SCHEMA describes itself (TAP 1.1 §4).
INSERT INTO almagest.published_schema VALUES
  ('tap_schema', NULL, 'Metadata of everything that can be queried here (TAP 1.1 §4)', 100000);

INSERT INTO almagest.published_table (table_name, schema_name, table_type, description, table_index, sql_schema, sql_table)
SELECT 'tap_schema.' || name, 'tap_schema', 'view', description, index, 'tap_schema', name
  FROM (VALUES
    ('schemas', 100001, 'Schemas of this service'),
    ('tables', 100002, 'Tables of this service'),
    ('columns', 100003, 'Columns of the tables of this service'),
    ('keys', 100004, 'Foreign keys between tables of this service'),
    ('key_columns', 100005, 'Columns that make up the foreign keys')
  ) AS t (name, index, description);

INSERT INTO almagest.published_column
  (table_name, column_name, datatype, arraysize, description, principal, std, column_index, sql_name)
SELECT 'tap_schema.' || t, c, CASE type WHEN 'text' THEN 'char' ELSE type END, CASE type WHEN 'text' THEN '*' END,
       description, true, true, index, btrim(c, '"')
  FROM (VALUES
    ('schemas', 1, 'schema_name', 'text', 'Schema name, as used in queries'),
    ('schemas', 2, 'utype', 'text', 'UType of the schema'),
    ('schemas', 3, 'description', 'text', 'Brief description of the schema'),
    ('schemas', 4, 'schema_index', 'int', 'Position of the schema in listings'),
    ('tables', 1, 'schema_name', 'text', 'Schema that the table belongs to'),
    ('tables', 2, 'table_name', 'text', 'Table name, as used in queries'),
    ('tables', 3, 'table_type', 'text', 'table or view'),
    ('tables', 4, 'utype', 'text', 'UType of the table'),
    ('tables', 5, 'description', 'text', 'Brief description of the table'),
    ('tables', 6, 'table_index', 'int', 'Position of the table in listings'),
    ('columns', 1, 'table_name', 'text', 'Table that the column belongs to'),
    ('columns', 2, 'column_name', 'text', 'Column name, as used in queries'),
    ('columns', 3, 'datatype', 'text', 'VOTable datatype'),
    ('columns', 4, 'arraysize', 'text', 'VOTable arraysize; null for scalars'),
    ('columns', 5, 'xtype', 'text', 'Extended type (DALI)'),
    ('columns', 6, '"size"', 'int', 'Length of a bounded one-dimensional array'),
    ('columns', 7, 'description', 'text', 'Brief description of the column'),
    ('columns', 8, 'utype', 'text', 'UType of the column'),
    ('columns', 9, 'unit', 'text', 'Unit (VOUnits)'),
    ('columns', 10, 'ucd', 'text', 'Unified content descriptor'),
    ('columns', 11, 'indexed', 'int', '1 if the column has an index, else 0'),
    ('columns', 12, 'principal', 'int', '1 if the column belongs to the core of the table, else 0'),
    ('columns', 13, 'std', 'int', '1 if the column is defined by a standard, else 0'),
    ('columns', 14, 'column_index', 'int', 'Position of the column in listings'),
    ('keys', 1, 'key_id', 'text', 'Identifier of the foreign key'),
    ('keys', 2, 'from_table', 'text', 'Table that has the key'),
    ('keys', 3, 'target_table', 'text', 'Table that it points to'),
    ('keys', 4, 'description', 'text', 'Brief description of the key'),
    ('keys', 5, 'utype', 'text', 'UType of the key'),
    ('key_columns', 1, 'key_id', 'text', 'Identifier of the foreign key'),
    ('key_columns', 2, 'from_column', 'text', 'Column in the table that has the key'),
    ('key_columns', 3, 'target_column', 'text', 'Column in the table that it points to')
  ) AS c (t, index, c, type, description);

INSERT INTO almagest.published_key (key_id, from_table, target_table, description) VALUES
  ('tap_schema_tables_schema', 'tap_schema.tables', 'tap_schema.schemas', 'Schema of a table'),
  ('tap_schema_columns_table', 'tap_schema.columns', 'tap_schema.tables', 'Table of a column'),
  ('tap_schema_keys_from', 'tap_schema.keys', 'tap_schema.tables', 'Table that has a key'),
  ('tap_schema_keys_target', 'tap_schema.keys', 'tap_schema.tables', 'Table that a key points to'),
  ('tap_schema_key_columns_key', 'tap_schema.key_columns', 'tap_schema.keys', 'Key of a column pair');

INSERT INTO almagest.published_key_column VALUES
  ('tap_schema_tables_schema', 'schema_name', 'schema_name'),
  ('tap_schema_columns_table', 'table_name', 'table_name'),
  ('tap_schema_keys_from', 'from_table', 'table_name'),
  ('tap_schema_keys_target', 'target_table', 'table_name'),
  ('tap_schema_key_columns_key', 'key_id', 'key_id');
