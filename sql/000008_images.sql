-- Images: files as they lie, one row for each celestial image in them, and ObsCore 1.1 as a view over those rows.

-- Where clients find this service; written when a web process starts. ObsCore's access_url begins with it.
CREATE TABLE almagest.service (
  one    boolean PRIMARY KEY DEFAULT true CHECK (one),
  origin text NOT NULL                   -- without a trailing slash
);

CREATE TABLE almagest.image_collection (
  collection  text PRIMARY KEY CHECK (collection ~ '^[A-Za-z0-9][A-Za-z0-9_.-]*$'),
  title       text,
  description text,
  created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE almagest.image_file (
  file_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  collection text NOT NULL REFERENCES almagest.image_collection,
  key        text NOT NULL,              -- path below the collection's folder, with / between its parts
  location   text NOT NULL,              -- what `fits` reads: an absolute path (later http(s) or s3 URLs, too)
  bytes      bigint NOT NULL,
  modified   timestamptz NOT NULL,       -- of the file; with `bytes` it says whether the file must be read again
  sha256     text,                       -- hexadecimal; null until it was worked out
  media_type text NOT NULL,              -- image/fits, application/fits …
  url_key    text,                       -- key as it stands in a URL; null: as it is
  stem       text,                       -- key without endings and words such as _weight: the same for what belongs together
  ingested_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (collection, key)
);
CREATE INDEX ON almagest.image_file (collection, stem);

-- Files that gave no image, and why: they are not read again while they stay as they are.
CREATE TABLE almagest.image_skipped (
  collection text NOT NULL REFERENCES almagest.image_collection ON DELETE CASCADE,
  key        text NOT NULL,
  location   text NOT NULL,
  bytes      bigint NOT NULL,
  modified   timestamptz NOT NULL,
  reason     text NOT NULL,
  broken     boolean NOT NULL,           -- false: in order, but without an image of the sky
  PRIMARY KEY (collection, key)
);

-- Filters that the site adds to those that Almagest knows, before them; regular expressions, of any case.
CREATE TABLE almagest.image_filter (
  instrument   text NOT NULL,            -- of telescope, instrument and survey; '' for any
  filter       text NOT NULL,            -- of the filter's name, the whole of it
  em_min       double precision NOT NULL CHECK (em_min > 0),
  em_max       double precision NOT NULL CHECK (em_max > em_min),
  s_resolution double precision,         -- where it is the telescope's own, in arcseconds
  PRIMARY KEY (instrument, filter)
);

-- One image HDU. Names of ObsCore's columns are ObsCore's (ObsCore 1.1 §3 and appendix B); null where it is not known.
CREATE TABLE almagest.image (
  image_id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  file_id            bigint NOT NULL REFERENCES almagest.image_file ON DELETE CASCADE,
  hdu                integer NOT NULL,           -- 0 is the primary one
  role               text NOT NULL DEFAULT 'science' CHECK (role IN ('science', 'weight', 'mask', 'variance')), -- variance: or its root
  science_did        text,                       -- for other roles: obs_publisher_did of the image they belong to, when it is there
  dataproduct_type   text NOT NULL DEFAULT 'image',
  dataproduct_subtype text,
  calib_level        integer NOT NULL,
  obs_collection     text NOT NULL,
  obs_id             text NOT NULL,
  obs_title          text,
  obs_publisher_did  text NOT NULL UNIQUE,       -- ivo://authority/collection?key, and /hdu where a file has several
  obs_creator_did    text,
  obs_release_date   timestamp,
  target_name        text,
  s_ra               double precision,
  s_dec              double precision,
  s_fov              double precision,
  s_region           spoly,                      -- outer pixel edge; null where no polygon below a hemisphere fits
  s_resolution       double precision,
  s_pixel_scale      double precision,
  s_xel1             bigint,
  s_xel2             bigint,
  t_min              double precision,
  t_max              double precision,
  t_exptime          double precision,
  t_resolution       double precision,
  t_xel              bigint,
  em_min             double precision,
  em_max             double precision,
  em_res_power       double precision,
  em_xel             bigint,
  em_ucd             text,
  o_ucd              text,
  pol_states         text,
  pol_xel            bigint,
  facility_name      text,
  instrument_name    text,
  filter_name        text,
  bunit              text,
  bitpix             integer NOT NULL,
  UNIQUE (file_id, hdu)
);
CREATE INDEX ON almagest.image USING gist (s_region);
CREATE INDEX ON almagest.image USING gist (spoint(radians(s_ra), radians(s_dec)));
CREATE INDEX ON almagest.image (obs_collection, obs_id);
CREATE INDEX ON almagest.image (t_min);
CREATE INDEX ON almagest.image (science_did);

-- Convex pieces that cover an image whose s_region is null (all-sky maps): regions are looked up here for those.
CREATE TABLE almagest.image_part (
  image_id bigint NOT NULL REFERENCES almagest.image ON DELETE CASCADE,
  region   spoly NOT NULL
);
CREATE INDEX ON almagest.image_part USING gist (region);
CREATE INDEX ON almagest.image_part (image_id);

-- ObsCore 1.1: all images but weight maps and the like of an image that is there. The first `ingest images` publishes it as ivoa.ObsCore.
CREATE VIEW almagest.obscore AS
  SELECT i.dataproduct_type, i.dataproduct_subtype, i.calib_level, i.obs_collection, i.obs_id, i.obs_title,
         i.obs_publisher_did, i.obs_creator_did, i.obs_release_date,
         (SELECT s.origin FROM almagest.service AS s) || '/files/' || i.obs_collection || '/' || coalesce(f.url_key, f.key) AS access_url,
         f.media_type AS access_format, (f.bytes + 1023) / 1024 AS access_estsize, i.target_name,
         i.s_ra, i.s_dec, i.s_fov, i.s_region, i.s_resolution, i.s_pixel_scale, i.s_xel1, i.s_xel2,
         i.t_min, i.t_max, i.t_exptime, i.t_resolution, i.t_xel,
         i.em_min, i.em_max, i.em_res_power, i.em_xel, i.em_ucd, i.o_ucd, i.pol_states, i.pol_xel,
         i.facility_name, i.instrument_name, i.filter_name
    FROM almagest.image AS i JOIN almagest.image_file AS f USING (file_id)
   WHERE i.role = 'science' OR i.science_did IS NULL;
