-- UWS 1.1 jobs of every kind of work: the one truth about them beside the bytes of their results in the storage.

CREATE SCHEMA uws;

-- All times are the database's, so that the clocks of web and runner machines do not matter; whole milliseconds,
-- so that AFTER=<a creationTime> means after it.
CREATE TABLE uws.job (
  job_id             uuid PRIMARY KEY,
  kind               text NOT NULL,               -- tap …: who runs it, and under which path it is seen
  owner              text,                        -- NULL: anonymous
  session            uuid,                        -- browser session of an anonymous creator
  identity           jsonb NOT NULL,              -- name, groups, role of whoever created it: it runs as they
  run_id             text,
  title              text,                        -- what it does, for lists and searches: the query
  parameters         jsonb NOT NULL,              -- [[name, value], …] as they were given
  uploads            jsonb NOT NULL DEFAULT '[]', -- [{part, key, bytes}, …] in the storage
  phase              text NOT NULL DEFAULT 'PENDING' CHECK
    (phase IN ('PENDING', 'QUEUED', 'EXECUTING', 'COMPLETED', 'ERROR', 'ABORTED', 'HELD', 'SUSPENDED', 'ARCHIVED')),
  creation_time      timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  queued_at          timestamptz(3),
  start_time         timestamptz(3),
  end_time           timestamptz(3),
  quote              timestamptz(3),
  execution_duration integer NOT NULL CHECK (execution_duration >= 0), -- seconds; 0: no limit
  destruction        timestamptz(3) NOT NULL,
  error              jsonb,                       -- {type, message, detail}

  -- the queue
  lane               text CHECK (lane IN ('fast', 'slow')),
  turn               bigint,                      -- who is next in the lane; see src/uws/store.ts
  requester          text,                        -- owner or address, for fairness; NULL once the job has ended
  estimate_seconds   double precision,

  -- the claim of a runner
  runner             uuid,
  claim              uuid,                        -- of this claim alone: whoever lost it can change nothing more
  claims             integer NOT NULL DEFAULT 0,  -- that were not given back by a runner in good order
  lease_until        timestamptz(3),
  row_count          bigint,                      -- progress
  byte_count         bigint,

  -- the end; then the phase is ARCHIVED
  was                text,                        -- phase before
  expired_at         timestamptz(3),              -- destruction came: 410
  deleted_at         timestamptz(3),              -- its owner deleted it: 404
  emptied            boolean NOT NULL DEFAULT false -- nothing of it is in the storage any more
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

CREATE INDEX job_session ON uws.job (session, creation_time DESC, job_id DESC)
  WHERE deleted_at IS NULL AND session IS NOT NULL;
CREATE INDEX job_queue ON uws.job (lane, turn, queued_at) WHERE phase = 'QUEUED';
CREATE INDEX job_turn ON uws.job (requester, turn) WHERE phase IN ('QUEUED', 'EXECUTING');
CREATE INDEX job_executing ON uws.job (job_id) WHERE phase = 'EXECUTING';
CREATE INDEX job_destruction ON uws.job (destruction) WHERE expired_at IS NULL AND deleted_at IS NULL;
CREATE INDEX job_to_empty ON uws.job (job_id) WHERE phase = 'ARCHIVED' AND NOT emptied;
CREATE INDEX job_to_forget ON uws.job (expired_at) WHERE expired_at IS NOT NULL;

CREATE TABLE uws.result (
  job_id       uuid NOT NULL REFERENCES uws.job ON DELETE CASCADE,
  result_id    text NOT NULL,
  format       text NOT NULL DEFAULT '',          -- '': as the job stored it; else made from that, when asked for
  sequence     integer NOT NULL,
  key          text NOT NULL,                     -- in the storage
  content_type text NOT NULL,
  file_name    text NOT NULL,
  bytes        bigint NOT NULL,
  sha256       text NOT NULL,                     -- hexadecimal
  row_count    bigint,
  overflow     boolean NOT NULL DEFAULT false,
  created_at   timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (job_id, result_id, format)
);

-- Signs links to results.
CREATE TABLE uws.secret (
  secret     text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO uws.secret VALUES (gen_random_uuid()::text || gen_random_uuid()::text);

-- Runners, waiting clients and pages hear of every change from the database itself: no statement can forget to tell.
CREATE FUNCTION uws.tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('uws_job', json_build_object(
    'id', NEW.job_id, 'kind', NEW.kind, 'phase', NEW.phase, 'lane', NEW.lane, 'owner', NEW.owner,
    'session', NEW.session)::text);
  RETURN NULL;
END $$;

CREATE TRIGGER tell_new AFTER INSERT ON uws.job FOR EACH ROW EXECUTE FUNCTION uws.tell();
CREATE TRIGGER tell_change AFTER UPDATE ON uws.job FOR EACH ROW
  WHEN (OLD.phase <> NEW.phase OR OLD.row_count IS DISTINCT FROM NEW.row_count OR OLD.run_id IS DISTINCT FROM NEW.run_id)
  EXECUTE FUNCTION uws.tell();
