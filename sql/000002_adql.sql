-- Functions that translated ADQL calls where PostgreSQL and pgSphere have no equal. Angles are in degrees. Bodies
-- are single expressions: PostgreSQL inlines them, and their names are bound here, whatever the search_path later.

CREATE SCHEMA adql;
GRANT USAGE ON SCHEMA adql TO PUBLIC;

-- Stops a query with a message for its author (SQLSTATE 22023). Of any type, so that it stands in any expression.
CREATE FUNCTION adql.refuse(message text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
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
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN lat BETWEEN -90 AND 90 THEN
    CASE WHEN lon > '-Infinity' AND lon < 'Infinity' THEN spoint(radians(lon), radians(lat)) END
  WHEN lat <> 'NaN' AND adql.refuse('the latitude ' || lat || ' is not within -90 and 90 degrees') THEN NULL END;

CREATE FUNCTION adql.point(lon_lat double precision[]) RETURNS spoint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN adql.point(lon_lat[1], lon_lat[2]);

-- From Galactic coordinates; the Euler angles are those of ESA SP-1200, vol. 1, eq. 1.5.11, as in src/sphere.
CREATE FUNCTION adql.galactic(l double precision, b double precision) RETURNS spoint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN adql.point(l, b) + strans(radians(-32.93192), radians(90 - 27.12825), radians(90 + 192.85948));

CREATE FUNCTION adql.antipode(p spoint) RETURNS spoint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN spoint(long(p) + pi(), -lat(p));

-- ---------------------------------------------------------------- shapes

CREATE FUNCTION adql.circle(center spoint, radius double precision) RETURNS scircle
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
  WHEN radius BETWEEN 0 AND 90 THEN scircle(center, radians(radius))
  WHEN radius > 90 AND radius <> 'NaN'
    AND adql.refuse('the radius ' || radius || ' of a circle is over 90 degrees') THEN NULL END;

CREATE FUNCTION adql.circle(lon_lat_radius double precision[]) RETURNS scircle
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN adql.circle(adql.point(lon_lat_radius[1], lon_lat_radius[2]), lon_lat_radius[3]);

-- pgSphere 1.2 makes polygons of text only.
CREATE FUNCTION adql.polygon(vertices spoint[]) RETURNS spoly
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN array_position(vertices, NULL) IS NULL THEN
  (SELECT ('{' || string_agg('(' || long(v) || ',' || lat(v) || ')', ',' ORDER BY n) || '}')::spoly
   FROM unnest(vertices) WITH ORDINALITY AS u(v, n)) END;

CREATE FUNCTION adql.polygon(lon_lat double precision[]) RETURNS spoly
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
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
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
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
LANGUAGE sql IMMUTABLE PARALLEL SAFE
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
