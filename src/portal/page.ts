/** The first page: what this service is, what is in it, and the lines to paste into a client. */
import type { Identity } from '../auth/identity.ts'
import type { Config } from '../config.ts'
import { visibleExamples } from '../tap/examples.ts'
import type { Catalog } from '../tap/tap-schema.ts'
import type { SchemaDescription, TableDescription } from '../vosi/tables.ts'
import { type Html, html } from './html.ts'
import { imagesSection, type ShownCollection } from './images.ts'

export function frontPage(
  catalog: Catalog,
  collections: readonly ShownCollection[],
  config: Config,
  origin: string,
  { name }: Identity,
): Html {
  const schemas = catalog.schemas.filter(schema => schema.tables.length > 0)
  const surveys = schemas.filter(schema => schema.name !== 'tap_schema')
  const examples = visibleExamples(catalog)
  const tables = surveys.flatMap(schema => schema.tables)
  const rows = tables.reduce((sum, table) => sum + (table.rows ?? 0), 0)
  const first = examples[0]?.query ?? 'SELECT TOP 10 * FROM tap_schema.tables'
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${config.title}</title>
<link rel="stylesheet" href="${origin}/assets/almagest.css">
<link rel="icon" href="${origin}/assets/almagest.svg" type="image/svg+xml">
</head>
<body>
<header>
<img src="${origin}/assets/almagest.svg" alt="" width="56" height="56">
<div>
<h1>${config.title}</h1>
<p>${summary(tables.length, rows)} in the Virtual Observatory, published by ${config.publisher}.
Query it in ADQL from TOPCAT, Aladin, pyvo, curl, or from here.</p>
${config.auth === undefined ? '' : accountLine(name, origin)}</div>
</header>
<main>
<section aria-labelledby="ask">
<h2 id="ask">Ask</h2>
<form action="${origin}/tap/sync" method="get">
<input type="hidden" name="LANG" value="ADQL">
<label for="query">Query in ADQL</label>
<textarea id="query" name="QUERY" rows="8" spellcheck="false" required>${first}</textarea>
<div class="row">
<label>Show as
<select name="RESPONSEFORMAT">
<option value="html">a page</option>
<option value="csv">CSV</option>
<option value="votable">VOTable</option>
</select></label>
<label>at most
<select name="MAXREC">
<option>100</option>
<option selected>1000</option>
<option>10000</option>
<option>100000</option>
</select> rows</label>
<button>Run</button>
</div>
</form>
<h3>Examples</h3>
<ul class="examples">
${examples.map(
  example => html`<li><a href="${runUrl(origin, example.query)}">${example.name}</a>
<span class="about">${example.description}</span>
<details class="adql"><summary>ADQL</summary><pre>${example.query}</pre></details></li>
`,
)}</ul>
</section>
${imagesSection(collections, origin)}<section aria-labelledby="clients">
<h2 id="clients">Use your own client</h2>
<dl class="clients">
${clientLines(origin, tables[0]?.name ?? 'tap_schema.tables').map(
  ([client, line]) => html`<dt>${client}</dt><dd><pre>${line}</pre></dd>
`,
)}</dl>
</section>
<section aria-labelledby="tables">
<h2 id="tables">Tables</h2>
${surveys.length === 0 ? html`<p>Nothing is published yet. The demo survey appears here when it is filled.</p>` : ''}
${schemas.map(schema => schemaSection(schema, origin))}
</section>
<section aria-labelledby="endpoints">
<h2 id="endpoints">Endpoints</h2>
<table>
<thead><tr><th>Resource</th><th>What it is</th></tr></thead>
<tbody>
${ENDPOINTS.map(
  ([path, what]) => html`<tr><td><a href="${origin}${path}"><code>${path}</code></a></td><td>${what}</td></tr>
`,
)}</tbody>
</table>
</section>
</main>
<footer><p>Almagest: a sky survey in the Virtual Observatory, on PostgreSQL.</p></footer>
</body>
</html>
`
}

/** Only where one can log in. */
function accountLine(name: string | undefined, origin: string): Html {
  const who =
    name === undefined ? html`<a href="${origin}/auth/login">Log in</a>` : html`<strong>${name}</strong>`
  return html`<p>${who} · <a href="${origin}/auth/connect">Connect a client</a> · <a
href="${origin}/auth/tokens">Access tokens</a>${name === undefined ? '' : html` · <a href="${origin}/auth/logout">Log out</a>`}</p>
`
}

const ENDPOINTS: readonly (readonly [string, string])[] = [
  ['/tap', 'Table Access Protocol 1.1: the base URL for clients'],
  ['/tap/sync', 'Synchronous queries (LANG, QUERY, MAXREC, RESPONSEFORMAT)'],
  ['/tap/tables', 'Metadata of all tables (VOSI)'],
  ['/tap/capabilities', 'What the service can do: functions, formats, limits'],
  ['/tap/availability', 'Whether it is up'],
  ['/tap/examples', 'Example queries for clients (DALI)'],
  ['/sky', 'The sky to pan and zoom, in Aladin Lite'],
  ['/hips/list', 'HiPS of this service, for Aladin'],
  ['/sia2/capabilities', 'Simple Image Access 2.0: /sia2/query (and 1.0: /sia1/query)'],
  ['/cutout/capabilities', 'SODA 1.0: cutouts at /cutout/sync and /cutout/async'],
  ['/datalink/capabilities', 'DataLink 1.1: /datalink/links, and light curves at /datalink/timeseries'],
  ['/jobs', 'Your jobs, as JSON'],
  ['/auth/connect', 'What to paste into TOPCAT, pyvo, Aladin, curl; whether it works'],
]

function summary(tables: number, rows: number): string {
  if (tables === 0) return 'A sky survey'
  return `${tables} ${tables === 1 ? 'table' : 'tables'} with ${rows.toLocaleString('en')} rows`
}

function runUrl(origin: string, query: string): string {
  const parameters = new URLSearchParams({
    LANG: 'ADQL',
    RESPONSEFORMAT: 'html',
    MAXREC: '1000',
    QUERY: query,
  })
  return `${origin}/tap/sync?${parameters}`
}

function clientLines(origin: string, table: string): readonly (readonly [string, string])[] {
  const query = `SELECT TOP 5 * FROM ${table}`
  return [
    ['TOPCAT', `VO → Table Access Protocol (TAP) Query → TAP URL:\n${origin}/tap`],
    [
      'pyvo',
      `import pyvo\nservice = pyvo.dal.TAPService('${origin}/tap')\nprint(service.search('''${query}''').to_table())`,
    ],
    ['stilts', `stilts tapquery tapurl=${origin}/tap sync=true adql='${query}'`],
    ['curl', `curl ${origin}/tap/sync -d LANG=ADQL -d FORMAT=csv \\\n     --data-urlencode "QUERY=${query}"`],
  ]
}

function schemaSection(schema: SchemaDescription, origin: string): Html {
  return html`<details class="schema"${schema.name === 'tap_schema' ? '' : html` open`}>
<summary><strong>${schema.name}</strong> <span class="about">${schema.description ?? ''}</span></summary>
<table>
<thead><tr><th>Table</th><th>Rows</th><th>Columns</th><th>Description</th></tr></thead>
<tbody>
${schema.tables.map(table => tableRow(table, origin))}</tbody>
</table>
</details>
`
}

function tableRow(table: TableDescription, origin: string): Html {
  const first = `SELECT TOP 100 * FROM ${table.name}`
  return html`<tr>
<td><a href="${runUrl(origin, first)}" title="the first 100 rows"><code>${table.name}</code></a></td>
<td class="number">${table.rows?.toLocaleString('en') ?? ''}</td>
<td class="number"><a href="${origin}/tap/tables/${encodeURIComponent(table.name)}">${table.columns.length}</a></td>
<td>${table.description ?? ''}</td>
</tr>
`
}
