-- Of images whose s_region is NULL: cells of the sky that no pixel of theirs is in, beside the parts that cover them.
CREATE TABLE almagest.image_gap (
  image_id bigint NOT NULL REFERENCES almagest.image ON DELETE CASCADE,
  region   spoly NOT NULL
);
CREATE INDEX ON almagest.image_gap USING gist (region);
CREATE INDEX ON almagest.image_gap (image_id);

-- What CONTAINS and INTERSECTS of ivoa.obscore.s_region ask beside it (src/adql/pieces.ts), under the role of whoever asks.
CREATE VIEW almagest.obscore_part AS
  SELECT i.obs_publisher_did, p.region FROM almagest.image_part AS p JOIN almagest.image AS i USING (image_id);
CREATE VIEW almagest.obscore_gap AS
  SELECT i.obs_publisher_did, g.region FROM almagest.image_gap AS g JOIN almagest.image AS i USING (image_id);
GRANT SELECT ON almagest.obscore_part, almagest.obscore_gap TO almagest_public;

-- A GiST index finds what is NULL by reading all of it.
CREATE INDEX image_without_region ON almagest.image (image_id) WHERE s_region IS NULL;
