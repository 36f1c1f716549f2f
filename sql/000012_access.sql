-- Who may read what, beyond login: rules by schema, table, image collection and HiPS; what each may use up.

-- No row: public. A table without a rule has its schema's.
CREATE TABLE almagest.access_rule (
  kind      text NOT NULL CHECK (kind IN ('schema', 'table', 'collection', 'hips')),
  name      text NOT NULL,                  -- schemas and tables as queries write them, in lower case
  groups    text[] NOT NULL,                -- 'public': everybody; 'authenticated': everybody who is logged in
  opens_at  timestamptz,                    -- public from then on
  announced boolean NOT NULL DEFAULT false, -- outsiders are told that it is there, and for whom
  set_at    timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  set_by    text NOT NULL DEFAULT 'operator',
  PRIMARY KEY (kind, name),
  CHECK (kind NOT IN ('schema', 'table') OR name = lower(name)),
  CHECK (kind <> 'schema' OR name <> 'tap_schema')
);

CREATE FUNCTION almagest.tell_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('access', '');
  RETURN NULL;
END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON almagest.access_rule
  FOR EACH STATEMENT EXECUTE FUNCTION almagest.tell_access();

-- The NOLOGIN role of a group. Roles belong to the whole cluster, so the name says the group alone.
CREATE FUNCTION almagest.group_role(group_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE group_name WHEN 'public' THEN 'almagest_public' ELSE
    'almagest_group_' || left(regexp_replace(lower(group_name), '[^a-z0-9]+', '_', 'g'), 24) || '_'
      || left(encode(sha256(convert_to(group_name, 'UTF8')), 'hex'), 12) END
$$;

-- Makes a role that can do what `parents` can, and lets the owner of this database take it.
CREATE FUNCTION almagest.make_role(role text, parents text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  parent text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another process was faster
    END;
  END IF;
  FOREACH parent IN ARRAY parents LOOP
    IF NOT pg_has_role(role, parent, 'MEMBER') THEN
      BEGIN
        EXECUTE format('GRANT %I TO %I', parent, role);
      EXCEPTION WHEN unique_violation OR internal_error THEN NULL;
      END;
    END IF;
  END LOOP;
  IF NOT pg_has_role(role, 'MEMBER') THEN
    BEGIN
      EXECUTE format('GRANT %I TO CURRENT_USER', role);
    EXCEPTION WHEN unique_violation OR internal_error THEN NULL;
    END;
  END IF;
END $$;

-- Whether the role that asks stands for one of the groups.
CREATE FUNCTION almagest.is_in(groups text[]) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT EXISTS (SELECT FROM pg_roles AS r
                  WHERE r.rolname = ANY (SELECT almagest.group_role(g) FROM unnest(groups) AS g)
                    AND pg_has_role(r.oid, 'USAGE'))
$$;

-- Rules as they stand at this moment.
CREATE VIEW almagest.access_now AS
  SELECT kind, name, groups, opens_at, announced,
         ('public' = ANY (groups) OR coalesce(opens_at <= clock_timestamp(), false)) AS is_open
    FROM almagest.access_rule;

-- The groups that may read each table: its own rule's, its schema's, or everybody.
CREATE VIEW almagest.table_access AS
  SELECT t.table_name, t.sql_schema, t.sql_table,
         CASE WHEN a.name IS NULL OR a.is_open THEN ARRAY['public'] ELSE a.groups END AS groups
    FROM almagest.published_table AS t
    LEFT JOIN LATERAL (
      SELECT * FROM almagest.access_now AS r
       WHERE (r.kind = 'table' AND r.name = lower(t.table_name)) OR (r.kind = 'schema' AND r.name = lower(t.schema_name))
       ORDER BY r.kind DESC LIMIT 1) AS a ON true;

-- TAP_SCHEMA shows each role what it can read. Barriers, because a condition that fails on a hidden row would tell of it.
CREATE VIEW almagest.readable_table AS
  SELECT t.table_name, t.schema_name
    FROM almagest.published_table AS t
    JOIN pg_namespace AS n ON n.nspname = t.sql_schema
    JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = t.sql_table
   WHERE has_table_privilege(c.oid, 'SELECT')
      -- While a collection is closed, ObsCore is read through the view of those that are not (src/db/roles.ts).
      OR (t.sql_schema, t.sql_table) = ('ivoa', 'obscore')
         AND EXISTS (SELECT FROM pg_class AS s WHERE s.relnamespace = n.oid AND s.relname = 'obscore_seen'
                        AND has_table_privilege(s.oid, 'SELECT'));

CREATE OR REPLACE VIEW tap_schema.schemas WITH (security_barrier) AS
  SELECT schema_name, utype, description, schema_index FROM almagest.published_schema AS s
   WHERE s.schema_name IN (SELECT r.schema_name FROM almagest.readable_table AS r)
      OR NOT EXISTS (SELECT FROM almagest.published_table AS t WHERE t.schema_name = s.schema_name)
         AND NOT EXISTS (SELECT FROM almagest.access_now AS a
                          WHERE a.kind = 'schema' AND a.name = lower(s.schema_name) AND NOT a.is_open);

CREATE OR REPLACE VIEW tap_schema.tables WITH (security_barrier) AS
  SELECT schema_name, table_name, table_type, utype, description, table_index FROM almagest.published_table
   WHERE table_name IN (SELECT r.table_name FROM almagest.readable_table AS r);

CREATE OR REPLACE VIEW tap_schema.columns WITH (security_barrier) AS
  SELECT table_name, column_name, datatype, arraysize, xtype,
         CASE WHEN arraysize ~ '^[0-9]{1,9}\*?$' THEN rtrim(arraysize, '*')::integer END AS "size",
         description, utype, unit, ucd,
         indexed::integer AS indexed, principal::integer AS principal, std::integer AS std, column_index
    FROM almagest.published_column
   WHERE table_name IN (SELECT r.table_name FROM almagest.readable_table AS r);

CREATE OR REPLACE VIEW tap_schema.keys WITH (security_barrier) AS
  SELECT key_id, from_table, target_table, description, utype FROM almagest.published_key
   WHERE from_table IN (SELECT r.table_name FROM almagest.readable_table AS r)
     AND target_table IN (SELECT r.table_name FROM almagest.readable_table AS r);

CREATE OR REPLACE VIEW tap_schema.key_columns WITH (security_barrier) AS
  SELECT key_id, from_column, target_column FROM almagest.published_key_column
   WHERE key_id IN (SELECT k.key_id FROM tap_schema.keys AS k);

-- Groups that may see a job and its results beside its owner.
CREATE TABLE uws.share (
  job_id     uuid NOT NULL REFERENCES uws.job ON DELETE CASCADE,
  group_name text NOT NULL,
  PRIMARY KEY (job_id, group_name)
);

-- What everybody has used of a day's rows and bytes (UTC). `who` is a user's name, or the address of nobody known.
CREATE TABLE almagest.usage (
  who       text NOT NULL,
  day       date NOT NULL,
  row_count bigint NOT NULL DEFAULT 0,
  byte_count bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (who, day)
);

-- Other limits for a user for a time, by an administrator.
CREATE TABLE almagest.limit_override (
  user_name text PRIMARY KEY,
  limits    jsonb NOT NULL,                 -- {name: number}
  until     timestamptz NOT NULL,
  set_at    timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  set_by    text NOT NULL
);
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON almagest.limit_override
  FOR EACH STATEMENT EXECUTE FUNCTION almagest.tell_access();
