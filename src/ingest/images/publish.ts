/** `ivoa.ObsCore` in TAP: a view over all image collections, published when the first one comes. */
import type { Client } from '../../db/database.ts'
import { ServiceError } from '../../error.ts'
import { OBSCORE_COLUMNS } from '../../images/obscore.ts'
import { publishSchema, publishTable } from '../../tap/publish.ts'
import type { Field } from '../../votable/field.ts'

/** In TAP a text of STC-S (ObsCore 1.1 §4.12, table 1: adql:REGION); SIA gives it as a polygon of DALI. */
const REGION = { datatype: 'char', arraysize: '*', xtype: 'adql:REGION' } as const

/** Throws `usage` where the site has an ivoa.ObsCore of its own. */
export async function publishObscore(client: Client): Promise<void> {
  const [there] = await client.query<{ kind: string | null; published: string | null }>(
    `SELECT (SELECT c.relkind::text FROM pg_class AS c WHERE c.oid = to_regclass('ivoa.obscore')) AS kind,
            (SELECT t.sql_schema || '.' || t.sql_table FROM almagest.published_table AS t
              WHERE lower(t.table_name) = 'ivoa.obscore') AS published`,
  )
  const ours = there!.kind === 'v' && there!.published === 'ivoa.obscore'
  if ((there!.kind !== null || there!.published !== null) && !ours) {
    throw new ServiceError('usage', 'there is a table ivoa.ObsCore that was not made from image files', {
      detail:
        'Both cannot be published: drop it (npx almagest drop ivoa.ObsCore) to serve the images from files.',
    })
  }
  if (ours) return
  await client.query('CREATE SCHEMA IF NOT EXISTS ivoa')
  await client.query('CREATE VIEW ivoa.obscore AS SELECT * FROM almagest.obscore')
  await publishSchema(client, {
    name: 'ivoa',
    description: 'Tables of IVOA standards',
    utype: 'ivo://ivoa.net/std/ObsCore#core-1.1',
  })
  await publishTable(client, {
    schema: 'ivoa',
    name: 'ObsCore',
    type: 'view',
    description: 'Observations: what there is of which part of the sky (ObsCore 1.1)',
    utype: 'ivo://ivoa.net/std/ObsCore#table-1.1',
    sqlSchema: 'ivoa',
    sqlTable: 'obscore',
    position: { ra: 's_ra', dec: 's_dec' },
    columns: OBSCORE_COLUMNS.map(({ field, sqlType, mandatory, principal, indexed }) => ({
      field: sqlType === 'spoly' ? inTap(field) : field,
      sqlName: field.name,
      ...(sqlType && { sqlType }),
      std: mandatory,
      principal,
      indexed,
    })),
  })
}

function inTap(field: Field): Field {
  const { unit, ...others } = field
  return { ...others, ...REGION }
}
