/** `index.html` and `metadata.xml` of a tree; both need nothing from elsewhere. */
import { create } from 'xmlbuilder2'
import type { Field } from '../votable/field.ts'
import type { Properties } from './properties.ts'

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

export function indexPage(properties: Properties): string {
  const title = properties.get('obs_title') ?? 'HiPS'
  const rows = [...properties]
    .map(([key, value]) => `<tr><th>${escaped(key)}</th><td>${escaped(value)}</td></tr>`)
    .join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>
  body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; font: 16px/1.5 system-ui, sans-serif; color: #dde; background: #0b0e14 }
  img { display: block; max-width: 100%; border-radius: 8px; background: #000 }
  a { color: #8cf }
  code { background: #1a2030; padding: .15em .4em; border-radius: 4px; overflow-wrap: anywhere }
  table { border-collapse: collapse; width: 100%; font-size: 14px }
  th { text-align: left; font-weight: 500; color: #9ab; padding: .2rem 1rem .2rem 0; vertical-align: top; white-space: nowrap }
  td { overflow-wrap: anywhere }
</style>
<h1>${escaped(title)}</h1>
<p>${escaped(properties.get('obs_description') ?? '')}</p>
${properties.get('dataproduct_type') === 'catalog' ? '' : `<img src="preview.jpg" alt="${escaped(title)}">`}
<p>A hierarchical progressive survey (HiPS). In Aladin paste the address of this folder: <code id="url"></code></p>
<p><a href="properties">properties</a> · <a href="Moc.fits">coverage (MOC)</a> · <a href="metadata.xml">metadata.xml</a></p>
<table>
${rows}
</table>
<script>document.getElementById('url').textContent = new URL('.', location.href).href</script>
</html>
`
}

/** A VOTable whose parameters are the properties, and whose columns are those of a catalogue's tiles. */
export function metadataXml(properties: Properties, fields: readonly Field[] = []): string {
  const votable = create({ version: '1.0', encoding: 'UTF-8' }).ele(
    'http://www.ivoa.net/xml/VOTable/v1.3',
    'VOTABLE',
    {
      version: '1.4',
    },
  )
  const resource = votable.ele('RESOURCE', {
    type: fields.length > 0 ? 'results' : 'meta',
    name: 'HiPS',
  })
  resource.ele('DESCRIPTION').txt(properties.get('obs_description') ?? properties.get('obs_title') ?? 'HiPS')
  for (const [name, value] of properties) {
    resource.ele('PARAM', { name, datatype: 'char', arraysize: '*', value })
  }
  if (fields.length > 0) {
    const table = resource.ele('TABLE', { name: properties.get('obs_title') ?? 'catalogue' })
    for (const field of fields) {
      const { name, datatype, arraysize, xtype, unit, ucd, utype, description } = field
      const attributes = { name, datatype, arraysize, xtype, unit, ucd, utype }
      const column = table.ele(
        'FIELD',
        Object.fromEntries(Object.entries(attributes).filter(([, v]) => v !== undefined)),
      )
      if (description) column.ele('DESCRIPTION').txt(description)
    }
  }
  return votable.end({ prettyPrint: true })
}
