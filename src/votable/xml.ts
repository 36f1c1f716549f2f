/** Text into XML. */

// XML 1.0 §2.2 Char, negated: control codes, lone surrogates, U+FFFE and U+FFFF.
const ILLEGAL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get out
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

/** Text that needs no escaping anywhere, which is nearly all there is: four times faster than the rules below. */
const PLAIN = /^[ !#-%'-;=?-~]*$/

/** Element content. Characters that XML 1.0 cannot hold become U+FFFD; a carriage return survives as a reference. */
export function escapeText(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(ILLEGAL, '\ufffd').replace(/[&<>\r]/g, c => ENTITIES[c]!)
}

/** An attribute's value, for double quotes; tabs and line ends survive as references. */
export function escapeAttribute(text: string): string {
  if (PLAIN.test(text)) return text
  return text.replace(ILLEGAL, '\ufffd').replace(/[&<>"\t\n\r]/g, c => ENTITIES[c]!)
}

/** An element; attributes that are undefined are left out, `content` is XML already. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | undefined>>,
  content?: string,
): string {
  let written = ''
  for (const key in attributes) {
    const value = attributes[key]
    if (value !== undefined) written += ` ${key}="${escapeAttribute(value)}"`
  }
  return content ? `<${name}${written}>${content}</${name}>` : `<${name}${written}/>`
}
