/** What the language can do beyond its core, as TAPRegExt 1.0 §2.4 declares it: printed from the function table. */
import { FORMS } from './functions.ts'

export interface LanguageFeatures {
  /** Feature type identifier. */
  readonly type: string
  readonly features: readonly { readonly form: string; readonly description?: string }[]
}

const TAPREGEXT = 'ivo://ivoa.net/std/TAPRegExt#features'

/**
 * ADQL 2.1 §4: optional features that are no functions of the table, or belong to a type of their own. COALESCE
 * (`adql-conditional`) is not declared: taplint of stilts 3.4 calls that key unknown.
 */
const OPTIONAL: Record<string, readonly string[]> = {
  'adql-string': ['LOWER', 'UPPER', 'ILIKE'],
  'adql-sets': ['UNION', 'EXCEPT', 'INTERSECT'],
  'adql-common-table': ['WITH'],
  'adql-type': ['CAST'],
  'adql-unit': ['IN_UNIT'],
  'adql-offset': ['OFFSET'],
}

export function declaredFeatures(): readonly LanguageFeatures[] {
  const geometry = FORMS.filter(form => form.kind === 'geometry')
  const described = new Map(geometry.map(({ name, description }) => [name, description]))
  return [
    {
      type: `${TAPREGEXT}-adqlgeo`,
      features: [...described].map(([form, description]) => ({ form, description })),
    },
    ...Object.entries(OPTIONAL).map(([name, forms]) => ({
      type: `${TAPREGEXT}-${name}`,
      features: forms.map(form => ({ form })),
    })),
    {
      type: `${TAPREGEXT}-udf`,
      features: FORMS.filter(form => form.userDefined).map(({ signature, description }) => ({
        form: signature,
        description,
      })),
    },
  ]
}
