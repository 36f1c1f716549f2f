/** Small XML documents. Undefined children are left out, so that a document reads like the thing it describes. */
import { create } from 'xmlbuilder2'

export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string | number | undefined>>
  readonly children: readonly XmlChild[]
}

export type XmlChild = XmlElement | string | undefined

export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | undefined>> = {},
  ...children: readonly XmlChild[]
): XmlElement {
  return { name, attributes, children }
}

/** `<name>text</name>`, or nothing when there is no text. */
export function leaf(name: string, text: string | number | undefined | null): XmlElement | undefined {
  return text === undefined || text === null || text === '' ? undefined : element(name, {}, String(text))
}

export function xmlDocument(root: XmlElement): string {
  const builder = create({ version: '1.0', encoding: 'UTF-8', invalidCharReplacement: '\uFFFD' })
  append(builder, root)
  return builder.end({ prettyPrint: true })
}

function append(parent: ReturnType<typeof create>, node: XmlElement): void {
  const made = parent.ele(node.name)
  for (const [name, value] of Object.entries(node.attributes)) {
    if (value !== undefined) made.att(name, String(value))
  }
  for (const child of node.children) {
    if (child === undefined) continue
    if (typeof child === 'string') made.txt(child)
    else append(made as ReturnType<typeof create>, child)
  }
}
