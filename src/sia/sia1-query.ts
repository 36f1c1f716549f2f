/** A query of SIA 1.0: rows of files and of their thumbnails. */
import { noRows } from '../dali/maxrec.ts'
import type { Parameters } from '../dali/parameters.ts'
import { type TableAnswer, tableAnswer } from '../dali/table.ts'
import { selectRows } from '../db/select.ts'
import { chooseFormat } from '../formats/index.ts'
import { describeImages } from '../images/descriptors.ts'
import { options, textParam } from '../votable/descriptor.ts'
import { located } from './conditions.ts'
import type { SiaDependencies } from './query.ts'
import { type Bind, overlap } from './region.ts'
import { columnsFor, selectList } from './sia1-columns.ts'
import { type Sia1Parameters, sia1Parameters } from './sia1-params.ts'

export async function runSia1(deps: SiaDependencies, parameters: Parameters): Promise<TableAnswer> {
  const { db, limits, identity, signal, folder, origin, obscore } = deps
  const params = sia1Parameters(parameters)
  const maxrec = Math.min(params.maxrec ?? limits.maxrecDefault, limits.maxrecHard)
  const columns = columnsFor(params.verb)
  const fields = columns.map(({ field }) => field)
  const did = fields.findIndex(field => field.name === 'publisher_did')
  const described = did < 0 ? { fields, resources: [] } : describeImages(origin, fields, did)
  const values: string[] = []
  const bind: Bind = value => `$${values.push(value)}`
  const { region } = params
  const where = region && conditionsOf(params, region, bind)
  const selects = where === undefined ? [] : selectsOf(params, obscore, where, columns, bind, origin)
  return tableAnswer({
    format: params.responseFormat
      ? chooseFormat(params.responseFormat)
      : { ...chooseFormat('votable/td'), contentType: 'text/xml;content=x-votable' },
    fields: described.fields,
    head: {
      infos: [{ name: 'SERVICE_PROTOCOL', value: '1.0', text: 'SIAP' }],
      ...(region ? {} : { params: INPUTS }),
      resources: described.resources,
      tableName: 'images',
    },
    maxrec,
    fileName: 'images',
    rows: async wire =>
      selects.length === 0
        ? noRows()
        : selectRows(db, {
            text: `${selects.join('\nUNION ALL\n')}\nLIMIT ${maxrec + 1}`,
            values,
            fields,
            wire,
            role: identity.role,
            seconds: limits.syncSeconds,
            stallSeconds: limits.stallSeconds,
            signal,
            advice: 'Ask for a smaller part of the sky.',
          }),
    folder,
  })
}

/** One select for files, one for thumbnails, as far as they are asked for. */
function selectsOf(
  params: Sia1Parameters,
  obscore: string,
  where: string,
  columns: ReturnType<typeof columnsFor>,
  bind: Bind,
  origin: string,
): readonly string[] {
  const from = `FROM ${obscore} AS o WHERE ${where}`
  const formats = params.formats?.map(bind)
  const files = formats ? `${from} AND lower(o.access_format) IN (${formats.join(', ')})` : from
  return [
    ...(params.files ? [`SELECT ${selectList(columns, 'files', '')} ${files}`] : []),
    ...(params.pictures ? [`SELECT ${selectList(columns, 'pictures', bind(origin))} ${from}`] : []),
  ]
}

/** INTERSECT (SIA 1.0 §4.1.2). No outline is within a point, and none covers a region of all longitudes. */
function conditionsOf(
  { intersect }: Sia1Parameters,
  { center, shape, isPoint }: NonNullable<Sia1Parameters['region']>,
  bind: Bind,
): string {
  const images = `o.dataproduct_type IN ('image', 'cube')`
  if (intersect === 'CENTER' || isPoint) {
    if (intersect === 'ENCLOSED') return 'false'
    return `${images} AND ${located([overlap({ kind: 'circle', center, radius: 0 }, bind)])}`
  }
  if (intersect === 'OVERLAPS') return `${images} AND ${located([overlap(shape, bind)])}`
  if (shape.kind === 'polygon') {
    const polygon = bind(`{${shape.vertices.map(([lon, lat]) => `(${lon}d,${lat}d)`).join(',')}}`)
    return intersect === 'COVERS'
      ? `${images} AND ${covers(`${polygon}::spoly`)}`
      : `${images} AND o.s_region <@ ${polygon}::spoly`
  }
  if (intersect === 'COVERS' || shape.kind === 'circle') return 'false'
  const { lon1, lon2, lat1, lat2 } = shape
  const box = bind(`((${lon1}d,${lat1}d),(${lon2 > 360 ? lon2 - 360 : lon2}d,${lat2}d))`)
  return `${images} AND o.s_region <@ ${box}::sbox`
}

/** An image in pieces covers what touches nothing that it leaves free. */
const covers = (polygon: string) => `(o.s_region @> ${polygon} OR (o.s_region IS NULL
  AND EXISTS (SELECT FROM almagest.obscore_part AS p WHERE p.obs_publisher_did = o.obs_publisher_did)
  AND NOT EXISTS (SELECT FROM almagest.obscore_gap AS g
                   WHERE g.obs_publisher_did = o.obs_publisher_did AND g.region && ${polygon})))`

/** What FORMAT=METADATA answers beside the columns (SIA 1.0 §6.1). */
const INPUTS: readonly string[] = [
  textParam('INPUT:POS', '', { unit: 'deg' }),
  textParam('INPUT:SIZE', '', { unit: 'deg' }),
  textParam('INPUT:FORMAT', 'ALL', {}, options(['ALL', 'GRAPHIC', 'METADATA', 'image/fits', 'image/jpeg'])),
  textParam('INPUT:INTERSECT', 'OVERLAPS', {}, options(['OVERLAPS', 'COVERS', 'ENCLOSED', 'CENTER'])),
  textParam('INPUT:VERB', '2', {}, options(['0', '1', '2', '3'])),
  textParam('INPUT:MAXREC', ''),
]
