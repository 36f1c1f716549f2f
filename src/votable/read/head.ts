/**
 * Everything of a VOTable but its rows: an XML parser is fed tag by tag until a table's rows begin, and after them.
 * No entity is expanded and nothing is fetched; depth, and the bytes outside of rows, have limits.
 */
import { SaxesParser, type SaxesTagPlain } from 'saxes'
import { ServiceError } from '../../error.ts'
import type { CooSys, TimeSys } from '../document.ts'
import type { Datatype, Field } from '../field.ts'
import type { Feed } from './feed.ts'

/** A FIELD as it stands there. */
export interface FieldElement {
  readonly attributes: Readonly<Record<string, string>>
  description: string
  nullText: string | undefined
}

export interface TableElement {
  /** From 1, in the order of the document. */
  readonly number: number
  readonly id: string | undefined
  readonly name: string | undefined
  readonly rows: number | undefined
  readonly fields: FieldElement[]
  description: string
}

/** What the tag just read begins. */
export type Event =
  /** Rows follow in the feed. */
  | {
      readonly kind: 'rows'
      readonly table: TableElement
      /** The element within DATA: TABLEDATA, BINARY, BINARY2, FITS, or another that is not known. */
      readonly serialization: string
      readonly stream: Readonly<Record<string, string>>
    }
  | { readonly kind: 'tableEnd'; readonly table: TableElement }
  | { readonly kind: 'end' }

export interface Head {
  /** Goes on to the next event. */
  next(): Promise<Event>
  readonly systems: { readonly cooSys: Map<string, CooSys>; readonly timeSys: Map<string, TimeSys> }
  /** QUERY_STATUS and its text, of a document that says that a query failed. */
  readonly status: { value: string; text: string } | undefined
}

const MOST_DEPTH = 100
/** Bytes of one tag and the text before it. */
const MOST_TAG = 4_000_000
/** Bytes outside of rows. */
const MOST_HEAD = 256_000_000
const GREATER = 0x3e

export function readHead(feed: Feed): Head {
  const stack: string[] = []
  const tableFields = new Map<string, FieldElement[]>()
  const systems = { cooSys: new Map<string, CooSys>(), timeSys: new Map<string, TimeSys>() }
  const events: Event[] = []
  let tables = 0
  let table: TableElement | undefined
  let field: FieldElement | undefined
  let serialization: string | undefined
  let text = ''
  let status: { value: string; text: string } | undefined
  let size = 0

  const parser = new SaxesParser()
  parser.on('error', error => {
    const [, line, column, what] = /(\d+):(\d+): ?(.*)$/s.exec(error.message) ?? []
    // Lines of rows are not counted.
    const where = tables > 0 ? `after <TABLE> ${tables}` : `at line ${line}, column ${column}`
    throw new ServiceError('usage', `the XML is broken ${where}: ${what ?? error.message}`)
  })
  parser.on('doctype', doctype => {
    if (doctype.includes('[')) {
      throw new ServiceError('usage', 'the document defines entities in its DOCTYPE, which is not accepted')
    }
  })
  parser.on('opentag', tag => open(tag))
  parser.on('closetag', tag => close(local(tag.name)))
  const takeText = (part: string) => {
    const name = stack.at(-1)
    if (name === 'DESCRIPTION' || name === 'INFO') text += part
    else if (name === 'TABLEDATA' || name === 'STREAM') requireBlank(part, name)
  }
  parser.on('text', takeText)
  parser.on('cdata', takeText)

  function open(tag: SaxesTagPlain): void {
    const name = local(tag.name)
    const attributes = tag.attributes
    if (stack.length === 0 && name !== 'VOTABLE') {
      throw new ServiceError('usage', `the document is XML, but no VOTable: its root is ${tag.name}`)
    }
    if (stack.length >= MOST_DEPTH)
      throw new ServiceError('tooLarge', `elements are nested ${MOST_DEPTH} deep`)
    const parent = stack.at(-1)
    stack.push(name)
    if (parent === 'DATA' && name !== 'INFO') serialization = name
    switch (name) {
      case 'DESCRIPTION':
      case 'INFO':
        text = ''
        if (name === 'INFO' && attributes.name === 'QUERY_STATUS')
          status = { value: attributes.value ?? '', text: '' }
        break
      case 'COOSYS':
        addCooSys(attributes)
        break
      case 'TIMESYS':
        addTimeSys(attributes)
        break
      case 'TABLE':
        table = {
          number: ++tables,
          id: attributes.ID,
          name: attributes.name,
          rows: /^\d+$/.test(attributes.nrows ?? '') ? Number(attributes.nrows) : undefined,
          // A table like another one, whose FIELDs it does not repeat (VOTable 1.5 §4).
          fields: tableFields.get(attributes.ref ?? '') ?? [],
          description: '',
        }
        if (attributes.ID) tableFields.set(attributes.ID, table.fields)
        break
      case 'FIELD':
        if (!table || parent !== 'TABLE') break
        field = { attributes, description: '', nullText: undefined }
        table.fields.push(field)
        break
      case 'VALUES':
        if (parent === 'FIELD' && field) field.nullText = attributes.null
        break
      case 'TABLEDATA':
        if (table && parent === 'DATA' && !tag.isSelfClosing) {
          events.push({ kind: 'rows', table, serialization: 'TABLEDATA', stream: {} })
        }
        break
      case 'STREAM':
        if (table && serialization) events.push({ kind: 'rows', table, serialization, stream: attributes })
        break
    }
  }

  function close(name: string): void {
    stack.pop()
    const parent = stack.at(-1)
    if (name === 'DESCRIPTION' && parent === 'FIELD' && field) field.description = clean(text)
    else if (name === 'DESCRIPTION' && parent === 'TABLE' && table) table.description = clean(text)
    else if (name === 'INFO' && status && status.text === '') status.text = clean(text)
    else if (name === 'FIELD') field = undefined
    else if (name === 'DATA') serialization = undefined
    else if (name === 'TABLE' && table) {
      events.push({ kind: 'tableEnd', table })
      table = undefined
    }
  }

  function addCooSys({ ID, system, equinox, epoch }: Record<string, string>): void {
    if (!ID || !system) return
    const id = xmlId([system, equinox, epoch])
    systems.cooSys.set(ID, { id, system, ...(equinox && { equinox }), ...(epoch && { epoch }) })
  }

  function addTimeSys({ ID, timescale, refposition, timeorigin }: Record<string, string>): void {
    if (!ID || !timescale) return
    const position = refposition ?? 'UNKNOWN'
    const id = xmlId([timescale, position, timeorigin])
    systems.timeSys.set(ID, { id, timescale, refposition: position, ...(timeorigin && { timeorigin }) })
  }

  return {
    systems,
    get status() {
      return status
    },
    async next() {
      for (;;) {
        const event = events.shift()
        if (event) return event
        const end = feed.data.indexOf(GREATER, feed.at) + 1
        if (end > 0) {
          size += end - feed.at
          if (size > MOST_HEAD)
            throw new ServiceError('tooLarge', `more than ${MOST_HEAD} bytes outside of tables`)
          const tag = feed.data.toString('utf8', feed.at, end)
          feed.at = end
          parser.write(tag)
        } else {
          if (feed.data.length - feed.at > MOST_TAG) {
            throw new ServiceError(
              'tooLarge',
              `a tag, or a text outside of tables, has more than ${MOST_TAG} bytes`,
            )
          }
          if (!(await feed.more())) {
            parser.write(feed.data.toString('utf8', feed.at))
            feed.at = feed.data.length
            if (stack.length > 0) {
              throw new ServiceError('usage', `the document ends inside <${stack.at(-1)}>: it is truncated`)
            }
            parser.close()
            return { kind: 'end' }
          }
        }
      }
    },
  }
}

function requireBlank(text: string, name: string): void {
  if (text.trim() !== '') throw new ServiceError('usage', `<${name}> has text in a place where rows must be`)
}

const local = (name: string) => name.slice(name.indexOf(':') + 1)

const clean = (text: string) => text.trim().replace(/\s+/g, ' ')

/** An XML ID of what it stands for. */
function xmlId(parts: readonly (string | undefined)[]): string {
  return `sys_${parts
    .filter(Boolean)
    .join('_')
    .replace(/[^\w.-]+/g, '_')}`
}

const DATATYPES: readonly string[] = [
  'boolean',
  'bit',
  'unsignedByte',
  'short',
  'int',
  'long',
  'char',
  'unicodeChar',
  'float',
  'double',
  'floatComplex',
  'doubleComplex',
] satisfies readonly Datatype[]

/** The field that a FIELD means; `refs` gives the IDs of systems. What is wrong with it is taken leniently and told. */
export function fieldOf(
  { attributes, description }: FieldElement,
  number: number,
  refs: (ref: string) => string | undefined,
  notices: string[],
): Field {
  const { ref } = attributes
  const [unit, ucd, utype, xtype] = ['unit', 'ucd', 'utype', 'xtype'].map(key => attributes[key]?.trim())
  const name = attributes.name ?? attributes.ID ?? ''
  let datatype = attributes.datatype?.trim() ?? ''
  let arraysize = attributes.arraysize?.replace(/\s/g, '')
  if (!DATATYPES.includes(datatype)) {
    notices.push(
      `FIELD ${number} (${name}) has ${datatype === '' ? 'no datatype' : `the datatype '${datatype}', which VOTable does not know`}: taken as text.`,
    )
    datatype = 'char'
    arraysize = '*'
  }
  if (arraysize === '' || arraysize === '1') arraysize = undefined
  if (arraysize !== undefined && !/^([1-9]\d*x)*([1-9]\d*\*?|\*)$/.test(arraysize)) {
    throw new ServiceError(
      'usage',
      `FIELD ${number} (${name}): arraysize="${attributes.arraysize}" is not valid`,
    )
  }
  const system = ref === undefined ? undefined : refs(ref)
  return {
    name,
    datatype: datatype as Datatype,
    ...(arraysize !== undefined && { arraysize }),
    ...(xtype && { xtype }),
    ...(unit && { unit }),
    ...(ucd && { ucd }),
    ...(utype && { utype }),
    ...(description && { description }),
    ...(system && { ref: system }),
  }
}
