-- What SIA reads under the role of whoever asks. Where the files lie stays with the owner.
GRANT USAGE ON SCHEMA almagest TO almagest_public;
GRANT SELECT ON almagest.obscore, almagest.image_part TO almagest_public;
GRANT SELECT (image_id, obs_publisher_did) ON almagest.image TO almagest_public;

-- SIA 2.0 §2.1.10: IVOIDs are compared without case.
CREATE INDEX ON almagest.image (lower(obs_publisher_did));
