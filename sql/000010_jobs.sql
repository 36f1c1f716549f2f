-- Messages at the end of jobs, progress in steps, and small results beside their row.

ALTER TABLE uws.job
  ADD COLUMN notify      jsonb,             -- [mailto:… or https://…, …]: who is told when it has ended
  ADD COLUMN steps_done  integer,           -- progress of work in several parts
  ADD COLUMN steps_total integer;

-- A small result is here, with no file: one commit instead of that and a file's flush. NULL: in the storage.
ALTER TABLE uws.result ADD COLUMN body bytea;

-- The outbox. A message is there with the change of phase that it tells of, or neither is.
CREATE TABLE uws.message (
  message_id  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  job_id      uuid NOT NULL REFERENCES uws.job ON DELETE CASCADE,
  target      text NOT NULL,                -- as in uws.job.notify
  place       text NOT NULL,                -- address, or host of the URL: what is counted
  anonymous   boolean NOT NULL,
  created_at  timestamptz(3) NOT NULL DEFAULT clock_timestamp(),
  state       text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
  tries       integer NOT NULL DEFAULT 0,
  next_at     timestamptz(3) NOT NULL DEFAULT clock_timestamp(), -- of the next try; while one is at it, end of its lease
  claim       uuid,                         -- of this try alone
  ended_at    timestamptz(3),
  error       text                          -- of the last try
);
CREATE INDEX message_job ON uws.message (job_id);
CREATE INDEX message_waiting ON uws.message (next_at) WHERE state = 'waiting';
CREATE INDEX message_place ON uws.message (place, ended_at) WHERE anonymous AND state = 'sent';

-- An abort by its owner is no news to them; the end of the executionDuration is, and has an error.
CREATE FUNCTION uws.write_messages() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO uws.message (job_id, target, place, anonymous)
  SELECT NEW.job_id, target,
         lower(CASE WHEN target LIKE 'mailto:%' THEN substr(target, 8)
                    ELSE substring(target FROM '^[a-z]+://([^/?#]+)') END),
         NEW.owner IS NULL
    FROM jsonb_array_elements_text(NEW.notify) AS target;
  PERFORM pg_notify('uws_message', '');
  RETURN NULL;
END $$;

CREATE TRIGGER write_messages AFTER UPDATE ON uws.job FOR EACH ROW
  WHEN (NEW.notify IS NOT NULL AND OLD.phase <> NEW.phase
        AND (NEW.phase IN ('COMPLETED', 'ERROR') OR NEW.phase = 'ABORTED' AND NEW.error IS NOT NULL))
  EXECUTE FUNCTION uws.write_messages();

DROP TRIGGER tell_change ON uws.job;
CREATE TRIGGER tell_change AFTER UPDATE ON uws.job FOR EACH ROW
  WHEN (OLD.phase <> NEW.phase OR OLD.row_count IS DISTINCT FROM NEW.row_count
        OR OLD.steps_done IS DISTINCT FROM NEW.steps_done OR OLD.run_id IS DISTINCT FROM NEW.run_id)
  EXECUTE FUNCTION uws.tell();
