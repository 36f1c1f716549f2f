/**
 * A catalogue HiPS of a published table: TSV tiles, Allsky files of orders 1 and 2, coverage, metadata.xml with the
 * columns. Made beside the tree of the same name and put in its place when it is whole; a build that was broken off
 * leaves nothing that is served, and begins anew.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Tables } from '../adql/tables.ts'
import type { Database } from '../db/database.ts'
import { ServiceError } from '../error.ts'
import type { Moc } from '../healpix/moc.ts'
import { growingMoc } from '../healpix/moc-growing.ts'
import type { Report } from '../progress.ts'
import type { Field } from '../votable/field.ts'
import { type CatalogueRow, ROW_ORDER, type Selection, selectCatalogue } from './catalogue-rows.ts'
import { type CatalogueTile, catalogueTree, FIRST_ORDER } from './catalogue-tree.ts'
import { centerOf, type Description, describeTree } from './describe.ts'
import { emptyPart, putInPlace } from './replace.ts'
import { tilePath } from './tile.ts'

/** A column of addresses, made of a row's values. */
export interface LinkColumn {
  readonly field: Field
  /** Columns whose values it takes, and what it makes of them. */
  readonly from: readonly string[]
  readonly address: (values: readonly string[]) => string
}

export interface CatalogueRequest extends Selection {
  readonly root: string
  readonly tables: Tables
  readonly links: readonly LinkColumn[]
  /** Rows of a tile from order 3 on; finer tiles have up to as many again for each order above them. */
  readonly perTile: number
  readonly deepest: number
  /** Further properties of the tree, or other values. */
  readonly properties: readonly (readonly [key: string, value: string])[]
  readonly about: Description
  readonly report: Report
  readonly signal: AbortSignal
}

export interface BuiltCatalogue {
  readonly rows: number
  readonly tiles: number
  readonly order: number
}

/** Rows of all tiles of orders 1 and 2 together, which viewers load whole. */
const ALLSKY_ROWS = [0, 3000, 12_000]
/** The most of them in one tile. */
const MOST_OF_ALLSKY = 500
const MOC_ORDER = 10
/** Of a coverage in memory: more make it coarser. */
const MOC_RANGES = 200_000

export async function buildCatalogue(db: Database, request: CatalogueRequest): Promise<BuiltCatalogue> {
  const { root, table, perTile, deepest, report, signal, links } = request
  const part = emptyPart(root)
  const first = await selectCatalogue(db, request.tables, request, signal)
  const fields = [...first.fields, ...links.map(({ field }) => field)]
  const withLinks = linker(first.fields, links)
  const coverage = growingMoc(MOC_ORDER, MOC_RANGES)
  const occupied = await occupiedCells(db, request)
  let done = 0
  async function* watched(): AsyncGenerator<readonly CatalogueRow[]> {
    for await (const rows of first.rows) {
      report({ phase: 'rows', done, ...(table.rows !== undefined && { total: table.rows }) })
      done += rows.length
      for (const { cell } of rows) coverage.add(Math.floor(cell / 4 ** (ROW_ORDER - MOC_ORDER)))
      yield rows
    }
  }
  const limits = {
    deepest,
    perTile: (order: number) =>
      order > 2
        ? perTile
        : Math.max(1, Math.min(MOST_OF_ALLSKY, Math.floor(ALLSKY_ROWS[order]! / occupied[order]!))),
  }
  const write = tileWriter(part, fields, withLinks)
  const rows = await catalogueTree(watched(), limits, write.tile)
  if (rows === 0) {
    rmSync(part, { recursive: true, force: true })
    throw new ServiceError('usage', `there are no rows with a position in ${table.schema}.${table.name}`)
  }
  write.allsky()
  const moc = coverage.moc()
  describeCatalogue(part, request, { rows, order: write.order(), moc, fields })
  putInPlace(part, root)
  return { rows, tiles: write.tiles(), order: write.order() }
}

/** Cells of orders 0 to 2 that have rows, as the index knows; all, where there is none. */
async function occupiedCells(db: Database, { table }: Selection): Promise<readonly number[]> {
  const all = [12, 48, 192]
  if (!table.columns.some(({ sqlName }) => sqlName === 'hpx29')) return all
  const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
  const found = await db.query<{ cell: number }>(
    `SELECT cell::int FROM generate_series(0::bigint, 191) AS cell
      WHERE EXISTS (SELECT FROM ${quoted(table.sqlSchema)}.${quoted(table.sqlName)}
                     WHERE hpx29 >= cell << 54 AND hpx29 < (cell + 1) << 54)`,
  )
  return all.map((_, order) => new Set(found.map(({ cell }) => cell >> (2 * (2 - order)))).size || 1)
}

function linker(fields: readonly Field[], links: readonly LinkColumn[]): (line: string) => string {
  if (links.length === 0) return line => line
  const places = links.map(({ from }) => from.map(name => fields.findIndex(field => field.name === name)))
  return line => {
    const cells = line.split('\t').map(cell => Buffer.from(cell, 'latin1').toString())
    const addresses = links.map(({ address }, i) => address(places[i]!.map(at => cells[at]!)))
    return `${line}\t${addresses.join('\t')}`
  }
}

/** Tiles and Allsky files begin with what viewers want to know: whether there is more, and the names of columns. */
function tileWriter(root: string, fields: readonly Field[], withLinks: (line: string) => string) {
  const names = Buffer.from(fields.map(({ name }) => name.replace(/\s+/g, ' ')).join('\t')).toString('latin1')
  const folders = new Set<string>()
  const allskies = [1, 2].map(order => ({ order, total: 0, shown: 0, body: [] as string[] }))
  let [order, tiles] = [FIRST_ORDER, 0]

  const content = (shown: number, total: number, body: string) =>
    Buffer.from(`# Completeness = ${shown}/${total}\n${names}\n${body}`, 'latin1')
  const bodyOf = (rows: readonly CatalogueRow[]) => rows.map(({ line }) => `${withLinks(line)}\n`).join('')

  return {
    tile(tile: CatalogueTile) {
      const file = path.join(root, `${tilePath(tile)}.tsv`)
      const folder = path.dirname(file)
      if (!folders.has(folder)) mkdirSync(folder, { recursive: true })
      folders.add(folder)
      const body = bodyOf(tile.rows)
      writeFileSync(file, content(tile.shown, tile.total, body))
      order = Math.max(order, tile.order)
      tiles++
      const allsky = allskies.find(one => one.order === tile.order)
      if (!allsky) return
      allsky.total += tile.total
      allsky.shown += tile.shown
      allsky.body.push(body)
    },
    allsky() {
      for (const { order: k, shown, total, body } of allskies) {
        mkdirSync(path.join(root, `Norder${k}`), { recursive: true })
        writeFileSync(path.join(root, `Norder${k}`, 'Allsky.tsv'), content(shown, total, body.join('')))
      }
    },
    order: () => order,
    tiles: () => tiles,
  }
}

interface Facts {
  readonly rows: number
  readonly order: number
  readonly moc: Moc
  readonly fields: readonly Field[]
}

function describeCatalogue(
  root: string,
  request: CatalogueRequest,
  { rows, order, moc, fields }: Facts,
): void {
  const { rank, where, about, properties } = request
  const none = ['hips_tile_width', 'hips_pixel_scale', 's_pixel_scale'] as const
  describeTree(
    {
      root,
      order,
      frame: 'equatorial',
      moc,
      center: centerOf(moc),
      fields,
      entries: [
        ['dataproduct_type', 'catalog'],
        ['hips_tile_format', 'tsv'],
        ['hips_cat_nrows', rows],
        ['hips_order_min', FIRST_ORDER],
        ['hips_cat_criteria', rank && `${rank.expression} ${rank.largestFirst ? 'descending' : 'ascending'}`],
        ['hips_cat_where', where],
        ...none.map(key => [key, undefined] as const),
        ...properties,
      ],
    },
    about,
  )
}
