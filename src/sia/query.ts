/** A query of SIA 2.0: parameters → SQL → rows of ObsCore, or the list of their files. */
import type { Identity } from '../auth/identity.ts'
import type { Limits } from '../config.ts'
import { labelledRows } from '../dali/faults.ts'
import { integerParameter, type Parameters } from '../dali/parameters.ts'
import { type TableAnswer, tableAnswer } from '../dali/table.ts'
import type { Database } from '../db/database.ts'
import { selectRows } from '../db/select.ts'
import { type ChosenFormat, chooseFormat } from '../formats/index.ts'
import { admittingGroups, closedCollections } from '../images/access.ts'
import { describeImages } from '../images/descriptors.ts'
import { FIELDS, SELECT_LIST, SYSTEMS } from './columns.ts'
import { conditions } from './conditions.ts'
import { QUERY_ID, selfDescriptor, type Vocabulary } from './self.ts'
import { URL_FIELD, urlListFormat } from './url-list.ts'

export interface SiaDependencies {
  readonly db: Database
  readonly limits: Limits
  /** `almagest.obscore`, or what is open of it. */
  readonly obscore: string
  /** Of the service as the client sees it. */
  readonly origin: string
  readonly identity: Identity
  readonly folder: () => Promise<string>
  readonly signal: AbortSignal
}

export async function runSia2(deps: SiaDependencies, parameters: Parameters): Promise<TableAnswer> {
  const { db, limits, identity, signal, folder, obscore } = deps
  const responseFormat = parameters.single('RESPONSEFORMAT') || undefined
  const list = urlListFormat(responseFormat)
  const format = list ?? formatOf(responseFormat)
  const maxrec = Math.min(integerParameter(parameters, 'MAXREC') ?? limits.maxrecDefault, limits.maxrecHard)
  const values: string[] = []
  const where = conditions(parameters, value => `$${values.push(value)}`).join('\n   AND ')
  const from = `FROM ${obscore} AS o\n WHERE ${where}\n LIMIT ${maxrec + 1}`
  const described = descriptionAt(deps.origin)
  const fields = list ? [URL_FIELD] : described.fields
  // With the values that its texts have where only metadata are asked for.
  const self = maxrec === 0 ? selfDescriptor(deps.origin, await vocabulary(db, identity)) : described.self
  return tableAnswer({
    format,
    fields,
    head: {
      infos: [{ name: 'standardID', value: QUERY_ID }],
      resources: [...described.resources, self],
      ...SYSTEMS,
      tableName: 'images',
    },
    maxrec,
    fileName: 'images',
    rows: async wire =>
      labelledRows(
        await selectRows(db, {
          // A file with several images is in the list once.
          text: list ? `SELECT DISTINCT o.access_url ${from}` : `SELECT ${SELECT_LIST} ${from}`,
          values,
          fields,
          wire,
          role: identity.role,
          seconds: limits.syncSeconds,
          stallSeconds: limits.stallSeconds,
          signal,
          advice:
            'Ask for a smaller part of the sky, or by COLLECTION; or send the query as ADQL to /tap/async.',
        }),
      ),
    folder,
  })
}

/** TABLEDATA by default, which people read, too. */
export function formatOf(responseFormat: string | undefined): ChosenFormat {
  if (responseFormat !== undefined) return chooseFormat(responseFormat)
  const votable = 'application/x-votable+xml'
  return { ...chooseFormat(`${votable};serialization=TABLEDATA`), contentType: votable }
}

const DID = FIELDS.findIndex(field => field.name === 'obs_publisher_did')

const described = (origin: string) => ({
  origin,
  ...describeImages(origin, FIELDS, DID),
  self: selfDescriptor(origin, undefined),
})

/** Of the last answer: nearly all have the same origin, and to describe it takes as long as to write 20 rows. */
let last: ReturnType<typeof described> | undefined

function descriptionAt(origin: string): ReturnType<typeof described> {
  if (last?.origin !== origin) last = described(origin)
  return last
}

/** The values of those parameters that have few (SIA 2.0, self-description); many are cut at a hundred. */
async function vocabulary(db: Database, identity: Identity): Promise<Vocabulary> {
  const distinct = (column: string) =>
    `ARRAY(SELECT DISTINCT o.${column}::text FROM almagest.obscore AS o WHERE o.${column} IS NOT NULL
              AND o.obs_collection NOT IN ${closedCollections('$1')} ORDER BY 1 LIMIT 100)`
  const [found] = await db.query<Record<keyof Vocabulary, string[]>>(
    `SELECT ${distinct('obs_collection')} AS "COLLECTION", ${distinct('facility_name')} AS "FACILITY",
            ${distinct('instrument_name')} AS "INSTRUMENT", ${distinct('dataproduct_type')} AS "DPTYPE",
            ${distinct('calib_level')} AS "CALIB", ${distinct('access_format')} AS "FORMAT"`,
    [admittingGroups(identity)],
  )
  return found!
}
