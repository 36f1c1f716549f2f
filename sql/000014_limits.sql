-- Jobs of one requester that may be executing at once, as it was when the job was queued; null: as many as there are places.
ALTER TABLE uws.job ADD COLUMN most_at_once integer;

-- Requests of the running minute, of all web processes together; of no worth after a crash.
CREATE UNLOGGED TABLE almagest.request_count (
  who      text PRIMARY KEY,
  hits     integer NOT NULL,
  reset_at timestamptz(3) NOT NULL
);
