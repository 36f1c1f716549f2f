-- How tables lie on a Citus cluster, and copies of their rows for joins of pairs.

ALTER TABLE almagest.published_table
  ADD COLUMN distribution text CHECK (distribution IN ('sharded', 'reference')), -- null: on one machine
  ADD COLUMN cell_ids     text[] NOT NULL DEFAULT '{}', -- PostgreSQL columns that are (hpx29 >> 34) << 35 | n of the object
  ADD COLUMN near_table   text,                         -- in sql_schema: every row in each cell that is near it
  ADD COLUMN near_radius  double precision,             -- degrees
  ADD COLUMN near_order   integer,                      -- of near_cell
  ADD CHECK ((near_table IS NULL) = (near_radius IS NULL) AND (near_table IS NULL) = (near_order IS NULL));

-- The cells that have a point within a radius (radians) of a position, and now and then one that has none: pgSphere's
-- MOC of a circle takes every cell that the circle may touch, here of three orders more, an eighth of a cell across.
CREATE FUNCTION almagest.cells_near(center spoint, radius double precision, cell_order integer)
  RETURNS SETOF bigint LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 2
  SET search_path FROM CURRENT -- on a cluster's nodes it is called from elsewhere
  AS $$
DECLARE
  finer constant integer := 3;
  piece text;
  at    integer;
  up    integer; -- bits between a piece's order and cell_order
  first bigint;
  last  bigint;
  found bigint[] := '{}';
BEGIN
  FOREACH piece IN ARRAY string_to_array(smoc(cell_order + finer, scircle(center, radius))::text, ' ') LOOP
    IF strpos(piece, '/') > 0 THEN
      at := split_part(piece, '/', 1);
      piece := split_part(piece, '/', 2);
    END IF;
    CONTINUE WHEN piece = '';
    first := split_part(piece, '-', 1);
    last := CASE WHEN strpos(piece, '-') > 0 THEN split_part(piece, '-', 2)::bigint ELSE first END;
    up := 2 * (at - cell_order);
    IF up < 0 THEN
      first := first << -up;
      last := ((last + 1) << -up) - 1;
    ELSE
      first := first >> up;
      last := last >> up;
    END IF;
    WHILE first <= last LOOP
      IF NOT first = ANY (found) THEN found := found || first; END IF;
      first := first + 1;
    END LOOP;
  END LOOP;
  RETURN QUERY SELECT unnest(found);
END $$;
