/**
 * Queries over the demo survey that must have the same rows on one machine and on a cluster, each with the class of
 * its plan there: `router` asks one shard or one copy of a small table, `pruned` a few shards, `fan-out` all, `local` none; `refused` says what to write
 * instead.
 */
export type PlanClass = 'router' | 'pruned' | 'fan-out' | 'local' | 'refused'

export interface CorpusQuery {
  readonly adql: string
  readonly plan: PlanClass | readonly PlanClass[]
  /** The order of the rows is part of the answer. */
  readonly ordered?: true
}

/** Objects of the demo survey (seed 1, 120,000 objects) for queries by identifier: found when the test begins. */
export interface Anchors {
  /** Identifiers of objects, among them variables, in different shards. */
  readonly ids: readonly string[]
  /** Positions of objects. */
  readonly positions: readonly (readonly [ra: number, dec: number])[]
}

const few = ['router', 'pruned'] as const

export function corpus({ ids, positions }: Anchors): CorpusQuery[] {
  const [id, other] = ids as [string, string]
  const list = ids.slice(0, 4).join(', ')
  const O = 'demo.object'
  const F = 'demo.forcedsource'
  const queries: CorpusQuery[] = []
  const add = (adql: string, plan: CorpusQuery['plan'], ordered?: true) =>
    queries.push(ordered ? { adql, plan, ordered } : { adql, plan })

  // Cones, in every spelling and size.
  for (const [ra, dec] of positions) {
    add(
      `SELECT objectid, ra, dec, g_psfflux FROM ${O} WHERE CONTAINS(POINT(ra, dec), CIRCLE(${ra}, ${dec}, 0.0167)) = 1`,
      few,
    )
    add(
      `SELECT objectid FROM ${O} WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', ${ra}, ${dec}, 0.05))`,
      few,
    )
    add(
      `SELECT objectid, DISTANCE(ra, dec, ${ra}, ${dec}) AS d FROM ${O} WHERE DISTANCE(ra, dec, ${ra}, ${dec}) < 0.02`,
      few,
    )
    add(
      `SELECT COUNT(*), MIN(ra), MAX(dec), AVG(r_psfflux) FROM ${O} WHERE DISTANCE(POINT(ra, dec), POINT(${ra}, ${dec})) < 0.1`,
      few,
    )
    add(
      `SELECT TOP 5 objectid, r_psfflux FROM ${O} WHERE DISTANCE(ra, dec, ${ra}, ${dec}) < 0.05 ORDER BY r_psfflux DESC, objectid`,
      few,
      true,
    )
    add(
      `SELECT objectid FROM ${O} WHERE CONTAINS(POINT(ra, dec), POLYGON(${ra}, ${dec}, ${ra + 0.1}, ${dec}, ${ra}, ${dec + 0.1})) = 1`,
      few,
    )
    add(`SELECT objectid FROM ${O} WHERE INTERSECTS(POINT(ra, dec), BOX(${ra}, ${dec}, 0.1, 0.05)) = 1`, few)
    add(
      `SELECT o.objectid, f.visitid, f.psfflux FROM ${O} AS o JOIN ${F} AS f ON o.objectid = f.objectid WHERE DISTANCE(o.ra, o.dec, ${ra}, ${dec}) < 0.01`,
      few,
    )
    add(
      `SELECT o.objectid, COUNT(*) AS n, AVG(f.psfflux) AS mean FROM ${O} AS o JOIN ${F} AS f USING (objectid) WHERE CONTAINS(POINT(o.ra, o.dec), CIRCLE(${ra}, ${dec}, 0.02)) = 1 GROUP BY o.objectid`,
      few,
    )
    add(
      `SELECT f.band, AVG(f.psfflux) AS mean, COUNT(*) AS n FROM ${O} AS o, ${F} AS f WHERE o.objectid = f.objectid AND DISTANCE(o.ra, o.dec, ${ra}, ${dec}) < 0.02 GROUP BY f.band`,
      few,
    )
  }
  add(`SELECT COUNT(*) FROM ${O} WHERE DISTANCE(ra, dec, 150, 2) < 5`, ['pruned', 'fan-out'])
  add(`SELECT COUNT(*) FROM ${O} WHERE CONTAINS(POINT(ra, dec), CIRCLE(150, 2, 0.2)) = 0`, 'fan-out')
  add(
    `SELECT COUNT(*) FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.1 OR DISTANCE(ra, dec, 149.5, 1.5) < 0.05`,
    few,
  )
  add(
    `SELECT COUNT(*) FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.2 AND NOT DISTANCE(ra, dec, 150.1, 2.1) < 0.1`,
    few,
  )
  add(
    `SELECT COUNT(*) FROM ${O} WHERE CONTAINS(POINT(ra, dec), CIRCLE('GALACTIC', 236.8, 42.1, 0.3)) = 1`,
    few,
  )

  // Identifiers.
  for (const each of ids) {
    add(`SELECT objectid, ra, dec FROM ${O} WHERE objectid = ${each}`, 'router')
    add(`SELECT visitid, band, psfflux, psffluxerr FROM ${F} WHERE objectid = ${each}`, 'router')
    add(
      `SELECT v.expmidptmjd, f.psfflux FROM ${F} AS f JOIN demo.visit AS v ON v.visitid = f.visitid WHERE f.objectid = ${each} ORDER BY v.expmidptmjd, f.forcedsourceid`,
      'router',
      true,
    )
    add(
      `SELECT o.ra, o.dec, f.band, COUNT(*) AS n FROM ${O} AS o JOIN ${F} AS f ON f.objectid = o.objectid WHERE o.objectid = ${each} GROUP BY o.ra, o.dec, f.band`,
      'router',
    )
  }
  add(`SELECT objectid, ra FROM ${O} WHERE objectid IN (${list})`, few)
  add(`SELECT COUNT(*) FROM ${F} WHERE objectid IN (${list})`, few)
  add(`SELECT objectid FROM ${O} WHERE objectid = ${id} OR objectid = ${other}`, few)
  add(`SELECT COUNT(*) FROM ${O} WHERE objectid BETWEEN ${id} AND ${BigInt(id) + (1n << 45n)}`, few)
  add(`SELECT COUNT(*) FROM ${O} WHERE objectid NOT IN (${list})`, 'fan-out')
  add(
    `SELECT o.objectid, p.class, p.period FROM ${O} AS o JOIN demo.variable AS p ON p.objectid = o.objectid WHERE o.objectid = ${id}`,
    'router',
  )
  add(
    `SELECT p.class, COUNT(*) AS n FROM demo.variable AS p JOIN ${O} AS o ON o.objectid = p.objectid GROUP BY p.class`,
    'fan-out',
  )
  add(
    `SELECT p.objectid, p.period FROM demo.variable AS p LEFT JOIN ${O} AS o ON o.objectid = p.objectid WHERE p.period < 0.3`,
    ['fan-out', 'pruned', 'router'],
  )
  add(
    `SELECT o.objectid, p.period FROM ${O} AS o LEFT JOIN demo.variable AS p ON o.objectid = p.objectid WHERE DISTANCE(o.ra, o.dec, 150.1, 2.1) < 0.05`,
    few,
  )

  // Aggregates and groups over the whole sky.
  for (const what of [
    'COUNT(*)',
    'AVG(g_psfflux)',
    'SUM(r_psfflux)',
    'MIN(i_psfflux)',
    'MAX(z_psfflux)',
    'AVG(ra)',
    'SUM(dec)',
    'COUNT(DISTINCT refextendedness)',
    'MIN(objectid)',
    'MAX(objectid)',
  ]) {
    add(`SELECT ${what} FROM ${O}`, 'fan-out')
    add(`SELECT refextendedness, ${what} FROM ${O} GROUP BY refextendedness`, 'fan-out')
  }
  for (const band of ['g', 'r', 'i', 'z', 'y']) {
    add(
      `SELECT COUNT(*), AVG(psfflux), STDDEV(psfflux) FROM ${F} WHERE band = '${band}' AND psfflux > 1000`,
      'fan-out',
    )
    add(
      `SELECT TOP 10 objectid, ${band}_psfflux FROM ${O} WHERE ${band}_psfflux IS NOT NULL ORDER BY ${band}_psfflux DESC, objectid`,
      'fan-out',
      true,
    )
    add(
      `SELECT FLOOR(LOG10(${band}_psfflux)) AS bin, COUNT(*) AS n FROM ${O} WHERE ${band}_psfflux > 0 GROUP BY bin`,
      'fan-out',
    )
  }
  add(
    `SELECT FLOOR((-2.5*LOG10(g_psfflux/r_psfflux))*10) AS gr, FLOOR((-2.5*LOG10(r_psfflux/i_psfflux))*10) AS ri, COUNT(*) AS n FROM ${O} WHERE g_psfflux > 0 AND r_psfflux > 0 AND i_psfflux > 0 GROUP BY gr, ri`,
    'fan-out',
  )
  add(`SELECT ivo_histogram(g_psfflux, 0, 100000, 20) FROM ${O} WHERE g_psfflux IS NOT NULL`, 'fan-out')
  add(`SELECT ivo_histogram(dec, 0, 4, 40) AS h FROM ${O}`, 'fan-out')
  add(
    `SELECT refextendedness, COUNT(*) AS n FROM ${O} GROUP BY refextendedness HAVING COUNT(*) > 10`,
    'fan-out',
  )
  add(`SELECT band, COUNT(DISTINCT visitid) AS visits FROM ${F} GROUP BY band`, 'fan-out')
  add(`SELECT ivo_healpix_index(6, ra, dec) AS cell, COUNT(*) AS n FROM ${O} GROUP BY cell`, 'fan-out')
  add(`SELECT hpx_shard, COUNT(*) AS n FROM ${O} GROUP BY hpx_shard`, 'fan-out')
  add(`SELECT objectid, COUNT(*) AS n FROM ${F} GROUP BY objectid HAVING COUNT(*) > 300`, 'fan-out')
  add(
    `SELECT TOP 20 objectid, STDDEV(psfflux) AS s FROM ${F} WHERE band = 'r' GROUP BY objectid ORDER BY s DESC, objectid`,
    'fan-out',
    true,
  )
  add(`SELECT CORR(g_psfflux, r_psfflux) FROM ${O}`, 'fan-out')
  add(`SELECT DISTINCT band FROM ${F}`, 'fan-out')
  add(`SELECT DISTINCT refextendedness, FLOOR(ra) AS a FROM ${O}`, 'fan-out')

  // Sub-queries, WITH, EXISTS, IN.
  add(`SELECT COUNT(*) FROM (SELECT objectid FROM ${O} WHERE r_psfflux > 10000) AS bright`, 'fan-out')
  add(
    `SELECT b.objectid, f.visitid FROM (SELECT objectid FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.01) AS b JOIN ${F} AS f ON f.objectid = b.objectid`,
    few,
  )
  add(
    `WITH b AS (SELECT objectid, ra, dec FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.02) SELECT COUNT(*) FROM b`,
    few,
  )
  add(
    `WITH b AS (SELECT objectid, ra FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.01) SELECT b.ra, f.band, f.psfflux FROM b JOIN ${F} AS f ON f.objectid = b.objectid`,
    few,
  )
  add(
    `SELECT objectid FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.02 AND objectid IN (SELECT objectid FROM ${F} WHERE band = 'g' AND psfflux > 5000)`,
    [...few, 'fan-out'],
  )
  add(
    `SELECT objectid FROM ${O} AS o WHERE DISTANCE(o.ra, o.dec, 150.1, 2.1) < 0.02 AND EXISTS (SELECT 1 FROM ${F} AS f WHERE f.objectid = o.objectid AND f.psfflux > 5000)`,
    few,
  )
  add(
    `SELECT objectid FROM ${O} AS o WHERE DISTANCE(o.ra, o.dec, 150.1, 2.1) < 0.02 AND NOT EXISTS (SELECT 1 FROM ${F} AS f WHERE f.objectid = o.objectid AND f.psfflux > 5000)`,
    few,
  )
  add(
    `SELECT objectid FROM ${O} WHERE objectid IN (SELECT objectid FROM demo.variable WHERE period < 0.25)`,
    ['fan-out'],
  )
  add(
    `SELECT objectid, r_psfflux FROM ${O} WHERE r_psfflux > (SELECT 0.9 * MAX(r_psfflux) FROM ${O})`,
    'fan-out',
  )
  add(
    `SELECT o.objectid, (SELECT COUNT(*) FROM ${F} AS f WHERE f.objectid = o.objectid) AS n FROM ${O} AS o WHERE o.objectid = ${id}`,
    few,
  )
  add(`SELECT AVG(n) FROM (SELECT objectid, COUNT(*) AS n FROM ${F} GROUP BY objectid) AS q`, 'fan-out')
  add(
    `SELECT visitid, COUNT(*) AS n FROM demo.visit WHERE visitid IN (SELECT visitid FROM ${F} WHERE objectid = ${id}) GROUP BY visitid`,
    [...few, 'local', 'fan-out'],
  )

  // Set operations, windows, ordering, paging.
  add(
    `SELECT objectid FROM ${O} WHERE objectid = ${id} UNION SELECT objectid FROM ${F} WHERE objectid = ${other}`,
    [...few, 'local'],
  )
  add(
    `SELECT objectid FROM ${O} WHERE r_psfflux > 100000 INTERSECT SELECT objectid FROM ${O} WHERE g_psfflux > 100000`,
    ['fan-out', 'local'],
  )
  add(
    `SELECT objectid FROM ${O} WHERE r_psfflux > 200000 EXCEPT SELECT objectid FROM ${O} WHERE g_psfflux > 200000`,
    ['fan-out', 'local'],
  )
  add(
    `(SELECT TOP 2 objectid FROM ${O} WHERE objectid IN (${list}) ORDER BY objectid) UNION ALL (SELECT TOP 2 objectid FROM ${O} WHERE objectid IN (${list}) ORDER BY objectid)`,
    [...few, 'local'],
  )
  add(
    `SELECT objectid, r_psfflux FROM ${O} WHERE r_psfflux IS NOT NULL ORDER BY r_psfflux DESC, objectid OFFSET 10`,
    'fan-out',
  )
  add(`SELECT TOP 10 objectid FROM ${O} ORDER BY objectid OFFSET 100`, 'fan-out', true)
  add(
    `SELECT objectid, RANK() OVER (PARTITION BY refextendedness ORDER BY r_psfflux DESC, objectid) AS k FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.05`,
    few,
  )
  add(
    `SELECT objectid, visitid, psfflux, AVG(psfflux) OVER (PARTITION BY objectid) AS mean FROM ${F} WHERE objectid = ${id}`,
    'router',
  )
  add(
    `SELECT TOP 50 objectid, ROW_NUMBER() OVER (ORDER BY objectid) AS k FROM ${O} ORDER BY objectid`,
    'fan-out',
    true,
  )
  add(`SELECT COUNT(*) FROM demo.visit`, 'router')
  add(`SELECT band, AVG(seeing) FROM demo.visit GROUP BY band`, 'router')
  add(`SELECT COUNT(*) FROM demo.visit AS v JOIN demo.variable AS p ON v.visitid = p.objectid`, 'router')
  add(`SELECT COUNT(*) FROM TAP_SCHEMA.tables`, 'local')

  // Pairs: through the neighbour table.
  for (const arcsec of [0.5, 1, 2, 3, 5]) {
    add(
      `SELECT a.objectid AS a, b.objectid AS b FROM ${O} AS a JOIN ${O} AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < ${arcsec} / 3600.0 WHERE a.objectid < b.objectid`,
      'fan-out',
    )
  }
  add(
    `SELECT COUNT(*) FROM ${O} AS a, ${O} AS b WHERE CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 0.0005)) = 1 AND a.objectid <> b.objectid AND a.refextendedness = 0`,
    'fan-out',
  )
  add(
    `SELECT a.objectid, b.objectid, DISTANCE(a.ra, a.dec, b.ra, b.dec) * 3600 AS sep FROM ${O} AS a JOIN ${O} AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2 / 3600.0 AND a.objectid < b.objectid WHERE ABS(a.g_psfflux / a.r_psfflux - b.g_psfflux / b.r_psfflux) < 0.1`,
    'fan-out',
  )
  add(
    `SELECT a.objectid, b.objectid FROM ${O} AS a JOIN ${O} AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 3 / 3600.0 AND a.objectid <> b.objectid WHERE DISTANCE(a.ra, a.dec, 150.1, 2.1) < 0.1`,
    few,
  )
  add(
    `SELECT a.objectid, b.objectid FROM ${O} AS a LEFT JOIN ${O} AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 1 / 3600.0 AND a.objectid <> b.objectid WHERE a.objectid IN (${list})`,
    few,
  )
  add(
    `SELECT a.objectid, b.objectid FROM ${O} AS a JOIN ${O} AS b ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 30 / 3600.0 WHERE a.objectid < b.objectid`,
    'refused',
  )

  // Reference tables with positions: no shard is named, the few rows go to all.
  add(
    `SELECT v.visitid, COUNT(*) AS n FROM demo.visit AS v JOIN ${O} AS o ON DISTANCE(o.ra, o.dec, v.ra, v.dec) < 0.01 GROUP BY v.visitid`,
    'fan-out',
  )
  add(
    `SELECT o.objectid, v.visitid FROM ${O} AS o JOIN demo.visit AS v ON CONTAINS(POINT(v.ra, v.dec), CIRCLE(o.ra, o.dec, 0.005)) = 1 WHERE o.refextendedness = 0`,
    'fan-out',
  )

  // Spherical odd places, empty answers, values of every type.
  for (const region of [
    'CIRCLE(0, 0, 1)',
    'CIRCLE(150, 90, 1)',
    'CIRCLE(359.99, -2, 0.5)',
    'POLYGON(149.9, 1.9, 150.1, 1.9, 150.1, 2.1, 149.9, 2.1)',
    'BOX(150, 2, 0.3, 0.2)',
  ]) {
    add(`SELECT objectid, ra, dec FROM ${O} WHERE CONTAINS(POINT(ra, dec), ${region}) = 1`, few)
    add(
      `SELECT COUNT(*) AS n, AVG(y_psfflux) AS y FROM ${O} WHERE 1 = CONTAINS(POINT(ra, dec), ${region}) AND refextendedness = 1`,
      few,
    )
  }
  add(`SELECT POINT(ra, dec) AS p, CIRCLE(ra, dec, 0.1) AS c FROM ${O} WHERE objectid = ${id}`, 'router')
  add(
    `SELECT objectid, CAST(ra AS REAL) AS x, CAST(objectid AS VARCHAR) AS t, UPPER('a') AS u FROM ${O} WHERE objectid = ${id}`,
    'router',
  )
  add(
    `SELECT band, pixelflags, psfflux FROM ${F} WHERE objectid = ${id} AND band IN ('g', 'r') AND psffluxerr < 500`,
    'router',
  )
  add(
    `SELECT ivo_epoch_prop_pos(ra, dec, 0, 1, 1, 0, 2000, 2010) AS p FROM ${O} WHERE objectid = ${id}`,
    'router',
  )
  add(
    `SELECT COALESCE(g_psfflux, -1) AS g, CASE WHEN r_psfflux > 1000 THEN 'bright' ELSE 'faint' END AS c FROM ${O} WHERE DISTANCE(ra, dec, 150.1, 2.1) < 0.02`,
    few,
  )
  add(`SELECT TOP 7 o.objectid, o.ra FROM ${O} AS o WHERE o.hpx29 BETWEEN 0 AND 100`, few)
  add(`SELECT COUNT(*) FROM ${O} WHERE hpx_shard = 109033`, 'router')
  add(`SELECT COUNT(*) FROM ${O} WHERE g_psfflux IS NULL OR ra > 150`, 'fan-out')
  add(
    `SELECT o.refextendedness, f.band, AVG(f.psfflux / f.psffluxerr) AS sn FROM ${O} AS o JOIN ${F} AS f ON o.objectid = f.objectid WHERE f.psffluxerr > 0 GROUP BY o.refextendedness, f.band`,
    'fan-out',
  )
  add(
    `SELECT v.band, COUNT(*) AS n, AVG(f.psffluxerr) AS e FROM ${F} AS f JOIN demo.visit AS v USING (visitid) GROUP BY v.band`,
    'fan-out',
  )
  add(
    `SELECT TOP 5 v.visitid, COUNT(*) AS n FROM ${F} AS f JOIN demo.visit AS v ON v.visitid = f.visitid GROUP BY v.visitid ORDER BY n DESC, v.visitid`,
    'fan-out',
    true,
  )
  add(
    `SELECT p.objectid, p.class, MAX(f.psfflux) - MIN(f.psfflux) AS amplitude FROM demo.variable AS p JOIN ${F} AS f ON f.objectid = p.objectid WHERE f.band = 'r' AND p.period < 0.4 GROUP BY p.objectid, p.class`,
    'fan-out',
  )

  // Joins that would move rows between nodes.
  add(`SELECT COUNT(*) FROM ${O} AS o JOIN ${F} AS f ON o.objectid = f.forcedsourceid`, 'fan-out')
  add(
    `SELECT COUNT(*) FROM ${F} AS a JOIN ${F} AS b ON a.visitid = b.visitid WHERE a.objectid = ${id} AND b.objectid = ${other}`,
    'refused',
  )
  add(
    `SELECT COUNT(*) FROM ${F} AS a JOIN ${F} AS b ON a.visitid = b.visitid WHERE a.psfflux > 2 * b.psfflux`,
    'refused',
  )
  return queries
}
