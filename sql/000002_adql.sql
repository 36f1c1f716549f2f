-- Functions that translated ADQL calls where PostgreSQL and pgSphere have no equal. Angles are in degrees. Bodies
-- are single expressions: PostgreSQL inlines them, and their names are bound here, whatever the search_path later.

CREATE SCHEMA adql;
GRANT USAGE ON SCHEMA adql TO PUBLIC;

-- Stops a query with a message for its author (SQLSTATE 22023). STABLE, or the planner would call it where CASE
-- does not; so what calls it is STABLE, too.
CREATE FUNCTION adql.refuse(message text) RETURNS boolean
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = message, ERRCODE = '22023';
END $$;

-- MOD of ADQL 2.1 §2.3: the sign of x. The quotient may be rounded up to the next integer, hence the second step.
CREATE FUNCTION adql.mod(x double precision, y double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN (x - y * trunc(x / y)) * sign(x) < 0 THEN x - y * trunc(x / y) + abs(y) * sign(x)
  ELSE x - y * trunc(x / y) END;

-- ---------------------------------------------------------------- positions

-- A position. NaN is no value; a latitude out of range is an error, where pgSphere would move the point.
CREATE FUNCTION adql.point(lon double precision, lat double precision) RETURNS spoint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN lat BETWEEN -90 AND 90 THEN
    CASE WHEN lon > '-Infinity' AND lon < 'Infinity' THEN spoint(radians(lon), radians(lat)) END
  WHEN lat <> 'NaN' AND adql.refuse('the latitude ' || lat || ' is not within -90 and 90 degrees') THEN NULL END;

CREATE FUNCTION adql.point(lon_lat double precision[]) RETURNS spoint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN adql.point(lon_lat[1], lon_lat[2]);

CREATE FUNCTION adql.antipode(p spoint) RETURNS spoint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN spoint(long(p) + pi(), -lat(p));

-- ---------------------------------------------------------------- shapes

CREATE FUNCTION adql.circle(center spoint, radius double precision) RETURNS scircle
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN radius BETWEEN 0 AND 90 THEN scircle(center, radians(radius))
  WHEN radius > 90 AND radius <> 'NaN'
    AND adql.refuse('the radius ' || radius || ' of a circle is over 90 degrees') THEN NULL END;

CREATE FUNCTION adql.circle(lon_lat_radius double precision[]) RETURNS scircle
LANGUAGE sql STABLE PARALLEL SAFE
RETURN adql.circle(adql.point(lon_lat_radius[1], lon_lat_radius[2]), lon_lat_radius[3]);

-- pgSphere 1.2 makes polygons of text only.
CREATE FUNCTION adql.polygon(vertices spoint[]) RETURNS spoly
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN (SELECT bool_and(v IS NOT NULL) FROM unnest(vertices) AS u(v)) THEN
  (SELECT ('{' || string_agg('(' || long(v) || ',' || lat(v) || ')', ',' ORDER BY n) || '}')::spoly
   FROM unnest(vertices) WITH ORDINALITY AS u(v, n)) END;

CREATE FUNCTION adql.polygon(lon_lat double precision[]) RETURNS spoly
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN adql.polygon((SELECT array_agg(adql.point(lon_lat[i], lon_lat[i + 1]) ORDER BY i)
                     FROM generate_series(1, array_length(lon_lat, 1), 2) AS i));

-- The point at tangents x (east) and y (north) in the gnomonic projection from the centre.
CREATE FUNCTION adql.offset_point(center spoint, x double precision, y double precision) RETURNS spoint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN spoint(
  atan2(cos(lat(center)) * sin(long(center)) + x * cos(long(center)) - y * sin(lat(center)) * sin(long(center)),
        cos(lat(center)) * cos(long(center)) - x * sin(long(center)) - y * sin(lat(center)) * cos(long(center))),
  atan2(sin(lat(center)) + y * cos(lat(center)),
        sqrt((cos(lat(center)) - y * sin(lat(center))) ^ 2 + x ^ 2)));

-- BOX of ADQL 2.1 §4.2.9: great-circle sides that cross the arms at right angles.
CREATE FUNCTION adql.box(center spoint, width double precision, height double precision) RETURNS spoly
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN CASE
  WHEN width > 0 AND width < 180 AND height > 0 AND height < 180 THEN adql.polygon(ARRAY[
    adql.offset_point(center, -tan(radians(width / 2)), -tan(radians(height / 2))),
    adql.offset_point(center, tan(radians(width / 2)), -tan(radians(height / 2))),
    adql.offset_point(center, tan(radians(width / 2)), tan(radians(height / 2))),
    adql.offset_point(center, -tan(radians(width / 2)), tan(radians(height / 2)))])
  WHEN width <> 'NaN' AND height <> 'NaN'
    AND adql.refuse('the size of a BOX is not within 0 and 180 degrees') THEN NULL END;

-- ---------------------------------------------------------------- shapes as arrays (DALI 1.1 §3.3.5-7)

CREATE FUNCTION adql.coordinates(lon double precision, lat double precision) RETURNS double precision[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
  WHEN lat BETWEEN -90 AND 90 THEN
    CASE WHEN lon BETWEEN 0 AND 360 THEN ARRAY[lon, lat]
         WHEN lon > '-Infinity' AND lon < 'Infinity' THEN ARRAY[lon - 360 * floor(lon / 360), lat] END
  WHEN lat <> 'NaN' AND adql.refuse('the latitude ' || lat || ' is not within -90 and 90 degrees') THEN NULL END;

CREATE FUNCTION adql.degrees(p spoint) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p IS NOT NULL THEN ARRAY[degrees(long(p)), degrees(lat(p))] END;

CREATE FUNCTION adql.degrees(c scircle) RETURNS double precision[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN c IS NOT NULL THEN
  ARRAY[degrees(long(center(c))), degrees(lat(center(c))), degrees(radius(c))] END;

-- pgSphere 1.2 shows the vertices of a polygon in its text only, with 15 digits.
CREATE FUNCTION adql.vertices(p spoly) RETURNS double precision[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN string_to_array(translate(p::text, '{}() ', ''), ',')::double precision[];

CREATE FUNCTION adql.degrees(p spoly) RETURNS double precision[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (SELECT array_agg(round(degrees(v)::numeric, 12)::double precision ORDER BY n)
        FROM unnest(adql.vertices(p)) WITH ORDINALITY AS u(v, n));

CREATE FUNCTION adql.centroid(p spoint) RETURNS spoint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN p;

-- Areas in square degrees. pgSphere's own lose their digits below 0.1 degrees: it adds up angles, and has 1 - cos r.
CREATE FUNCTION adql.area(p spoint) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 0;

CREATE FUNCTION adql.area(c scircle) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN degrees(degrees(4 * pi() * sin(radius(c) / 2) ^ 2));

-- Triangles from the first vertex, each by tan(E/2) = a.(b x c) / (1 + a.b + b.c + c.a) (Van Oosterom & Strackee).
CREATE FUNCTION adql.area(p spoly) RETURNS double precision
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (
  WITH vertex AS (
    SELECT i, xyz(spoint(v[2 * i - 1], v[2 * i])) AS b, xyz(spoint(v[2 * i + 1], v[2 * i + 2])) AS c,
           xyz(spoint(v[1], v[2])) AS a
    FROM adql.vertices(p) AS v, generate_series(2, npoints(p) - 1) AS i)
  SELECT degrees(degrees(abs(sum(2 * atan2(
    a[1] * ((b[2] - a[2]) * (c[3] - a[3]) - (b[3] - a[3]) * (c[2] - a[2]))
    + a[2] * ((b[3] - a[3]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[3] - a[3]))
    + a[3] * ((b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])),
    1 + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + b[1] * c[1] + b[2] * c[2] + b[3] * c[3]
    + c[1] * a[1] + c[2] * a[2] + c[3] * a[3])))))
  FROM vertex);

-- The centre of gravity of a polygon's surface: half the sum over its edges of their length times their normal
-- (Gauss's theorem). Either winding: it is turned to the side of the vertices.
CREATE FUNCTION adql.centroid(p spoly) RETURNS spoint
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN (
  WITH vertex AS (
    SELECT xyz(spoint(v[2 * i - 1], v[2 * i])) AS xyz,
           xyz(spoint(v[2 * (i % npoints(p)) + 1], v[2 * (i % npoints(p)) + 2])) AS next
    FROM adql.vertices(p) AS v, generate_series(1, npoints(p)) AS i),
  edge AS (
    SELECT xyz, xyz[2] * next[3] - xyz[3] * next[2] AS x, xyz[3] * next[1] - xyz[1] * next[3] AS y,
           xyz[1] * next[2] - xyz[2] * next[1] AS z,
           xyz[1] * next[1] + xyz[2] * next[2] + xyz[3] * next[3] AS cosine
    FROM vertex),
  weighted AS (
    SELECT xyz, x, y, z, atan2(sqrt(x * x + y * y + z * z), cosine) / nullif(sqrt(x * x + y * y + z * z), 0) AS w
    FROM edge),
  total AS (
    SELECT sum(w * x) AS x, sum(w * y) AS y, sum(w * z) AS z,
           sum(xyz[1]) AS sx, sum(xyz[2]) AS sy, sum(xyz[3]) AS sz
    FROM weighted)
  SELECT spoint(atan2(y * s, x * s), atan2(z * s, sqrt(x * x + y * y)))
  FROM total, LATERAL (SELECT sign(x * sx + y * sy + z * sz) AS s) AS side);

-- ---------------------------------------------------------------- user defined functions

-- Rigorous linear motion (The Hipparcos and Tycho Catalogues, ESA SP-1200, vol. 1, §1.5.5). Degrees, mas, mas/yr
-- (pmra with cos dec), km/s, Julian years; the answer is all six. What is NULL stays NULL and counts as 0.
CREATE FUNCTION adql.epoch_prop(
  ra double precision, "dec" double precision, parallax double precision, pmra double precision,
  pmdec double precision, radial_velocity double precision, ref_epoch double precision, out_epoch double precision)
RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  mas CONSTANT double precision := radians(1) / 3.6e6;
  au CONSTANT double precision := 4.740470446; -- km/s of 1 au/yr
  t CONSTANT double precision := out_epoch - ref_epoch;
  a CONSTANT double precision := radians(ra);
  d CONSTANT double precision := radians("dec");
  ma CONSTANT double precision := coalesce(pmra, 0) * mas;
  md CONSTANT double precision := coalesce(pmdec, 0) * mas;
  mr CONSTANT double precision := coalesce(radial_velocity * nullif(parallax, 0) / au, 0) * mas;
  m2 CONSTANT double precision := ma * ma + md * md;
  f CONSTANT double precision := 1 / sqrt(1 + 2 * mr * t + (m2 + mr * mr) * t * t);
  p double precision[]; q double precision[]; r double precision[]; u double precision[]; m double precision[];
  length double precision;
  zeta double precision;
BEGIN
  IF ra IS NULL OR "dec" IS NULL OR ref_epoch IS NULL OR out_epoch IS NULL THEN
    RAISE EXCEPTION 'a position and two epochs are needed to move a star, and one of them is NULL'
      USING ERRCODE = '22004';
  END IF;
  p := ARRAY[-sin(a), cos(a), 0];
  q := ARRAY[-sin(d) * cos(a), -sin(d) * sin(a), cos(d)];
  r := ARRAY[cos(d) * cos(a), cos(d) * sin(a), sin(d)];
  FOR i IN 1..3 LOOP
    u[i] := (r[i] * (1 + mr * t) + (p[i] * ma + q[i] * md) * t) * f;
    m[i] := ((p[i] * ma + q[i] * md) * (1 + mr * t) - r[i] * m2 * t) * f ^ 3;
  END LOOP;
  length := sqrt(u[1] * u[1] + u[2] * u[2]);
  zeta := (mr + (m2 + mr * mr) * t) * f * f;
  p := ARRAY[-u[2] / nullif(length, 0), u[1] / nullif(length, 0), 0];
  q := ARRAY[-u[3] * p[2], u[3] * p[1], length];
  RETURN ARRAY[
    degrees(atan2(u[2], u[1])) + CASE WHEN u[2] < 0 THEN 360 ELSE 0 END, degrees(atan2(u[3], length)), parallax * f,
    CASE WHEN pmra IS NOT NULL THEN (p[1] * m[1] + p[2] * m[2]) / mas END,
    CASE WHEN pmdec IS NOT NULL THEN (q[1] * m[1] + q[2] * m[2] + q[3] * m[3]) / mas END,
    CASE WHEN radial_velocity IS NOT NULL THEN coalesce(zeta / mas * au / nullif(parallax * f, 0), radial_velocity) END];
END $$;

CREATE FUNCTION adql.epoch_prop_pos(
  ra double precision, "dec" double precision, parallax double precision, pmra double precision,
  pmdec double precision, radial_velocity double precision, ref_epoch double precision, out_epoch double precision)
RETURNS spoint
LANGUAGE sql STABLE PARALLEL SAFE
RETURN adql.point(adql.epoch_prop(ra, "dec", parallax, pmra, pmdec, radial_velocity, ref_epoch, out_epoch));

CREATE FUNCTION adql.to_mjd(t timestamp) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN date_part('epoch', t) / 86400 + 40587;

CREATE FUNCTION adql.to_jd(t timestamp) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN date_part('epoch', t) / 86400 + 2440587.5;

-- h:m:s, hhmmss, hHmMsS, each with a fraction in its last part, as parts of a sign and three numbers.
CREATE FUNCTION adql.sexagesimal(t text, unit text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
  SELECT CASE WHEN m[1] = '-' THEN -1 ELSE 1 END
    * (m[2]::double precision + coalesce(nullif(m[3], ''), '0')::double precision / 60
       + coalesce(nullif(m[4], ''), '0')::double precision / 3600)
  FROM (SELECT coalesce(
    regexp_match(t, '^\s*([-+]?)(\d{1,3})[:\s]\s*([0-5]?\d)(?:[:\s]\s*([0-5]?\d(?:\.\d*)?))?\s*$'),
    regexp_match(t, '^\s*([-+]?)(\d{2,3})([0-5]\d)([0-5]\d(?:\.\d*)?)\s*$'),
    regexp_match(t, '^\s*([-+]?)(\d{1,3})' || unit || '\s*(?:([0-5]?\d)[m'']\s*)?(?:([0-5]?\d(?:\.\d*)?)[s"]\s*)?$', 'i')
  ) AS m) AS parts
  WHERE m IS NOT NULL);

CREATE FUNCTION adql.hms_to_degrees(t text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 15 * adql.sexagesimal(t, 'h');

CREATE FUNCTION adql.dms_to_degrees(t text) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN adql.sexagesimal(t, '[d°]');

CREATE FUNCTION adql.interval_overlaps(
  l1 double precision, h1 double precision, l2 double precision, h2 double precision) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN l1 <= h1 AND l2 <= h2 AND l1 <= h2 AND l2 <= h1;

-- Box and Muller's method; 1 - random() is never 0.
CREATE FUNCTION adql.normal_random() RETURNS double precision
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random());

CREATE FUNCTION adql.ab_mag(flux double precision, zero_point double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN flux > 0 AND flux <> 'NaN' THEN zero_point - 2.5 * log(flux) END;

CREATE FUNCTION adql.ab_mag_sigma(flux double precision, flux_sigma double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN flux > 0 AND flux <> 'NaN' THEN 2.5 / ln(10::double precision) * flux_sigma / flux END;

CREATE FUNCTION adql.flux_of_ab_mag(mag double precision, zero_point double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN power(10::double precision, 0.4 * (zero_point - mag));

CREATE FUNCTION adql.histogram_step(
  counts integer[], val double precision, lower double precision, upper double precision, nbins integer)
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  bin integer := CASE WHEN val = 'NaN' THEN 1 ELSE coalesce(width_bucket(val, lower, upper, nbins), 0) + 1 END;
BEGIN
  IF counts IS NULL THEN counts := array_fill(0, ARRAY[nbins + 2]); END IF;
  counts[bin] := counts[bin] + 1;
  RETURN counts;
END $$;

CREATE FUNCTION adql.histogram_combine(a integer[], b integer[]) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a
  ELSE (SELECT array_agg(x + y ORDER BY n) FROM unnest(a, b) WITH ORDINALITY AS u(x, y, n)) END;

CREATE AGGREGATE adql.histogram(double precision, double precision, double precision, integer) (
  SFUNC = adql.histogram_step, STYPE = integer[], COMBINEFUNC = adql.histogram_combine, PARALLEL = SAFE);
