/** The files of a query as a list of URLs, one a line (RFC 2483 without comments), for `wget -i` and `aria2c -i`. */
import type { ChosenFormat } from '../formats/index.ts'
import { tsvWriter } from '../formats/separated.ts'
import type { Field } from '../votable/field.ts'

export const URL_FIELD: Field = { name: 'access_url', datatype: 'char', arraysize: '*' }

/** What RESPONSEFORMAT calls it: a media type, or `wget`. */
const NAMES = ['text/uri-list', 'text/x-wget', 'wget']

/** The format, when it is the list that is asked for. */
export function urlListFormat(responseFormat: string | undefined): ChosenFormat | undefined {
  const name = responseFormat?.trim().toLowerCase() ?? ''
  if (!NAMES.includes(name)) return undefined
  return { writer: tsvWriter(false), contentType: name === 'wget' ? NAMES[0]! : name, extension: 'txt' }
}
