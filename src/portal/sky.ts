/** `/sky`: the HiPS of this service in Aladin Lite. */
import type { PublishedTree } from '../hips/published.ts'
import { Html, html } from './html.ts'

/** Colour first: it is what people came for. */
function ordered(trees: readonly PublishedTree[]): readonly PublishedTree[] {
  const images = trees.filter(({ properties }) => properties.get('dataproduct_type') === 'image')
  const isColor = ({ properties }: PublishedTree) => properties.get('dataproduct_subtype') === 'color'
  return [...images.filter(isColor), ...images.filter(tree => !isColor(tree))]
}

const isCatalogue = ({ properties }: PublishedTree) => properties.get('dataproduct_type') === 'catalog'

export function skyPage(trees: readonly PublishedTree[], title: string): Html {
  const images = ordered(trees)
  // Catalogues lie over an image.
  const catalogues = (images.length > 0 ? trees.filter(isCatalogue) : []).map(({ name, properties }) => ({
    name,
    title: properties.get('obs_title') ?? name,
  }))
  const shown = images.map(({ name, properties }) => ({
    name,
    title: properties.get('obs_title') ?? name,
    formats: (properties.get('hips_tile_format') ?? '').split(' '),
    ra: Number(properties.get('hips_initial_ra') ?? 0),
    dec: Number(properties.get('hips_initial_dec') ?? 0),
    fov: Number(properties.get('hips_initial_fov') ?? 60),
  }))
  // Nothing in a JSON text may end the element that holds it.
  const data = new Html(JSON.stringify({ surveys: shown, catalogues }).replaceAll('<', '\\u003c'))
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sky – ${title}</title>
<link rel="stylesheet" href="assets/almagest.css">
<link rel="icon" href="assets/almagest.svg" type="image/svg+xml">
</head>
<body class="sky">
<nav><a href="./">${title}</a>
${
  shown.length > 0
    ? html`<label>Survey <select id="survey">${shown.map(tree => html`<option value="${tree.name}">${tree.title}</option>`)}</select></label>`
    : html`<p>There is no HiPS of images yet; <code>npx almagest hips build</code> makes one, <code>hips map</code> one of a table.</p>`
}
${catalogues.map(tree => html`<label><input type="checkbox" name="catalogue" value="${tree.name}"> ${tree.title}</label>`)}
</nav>
<div id="aladin"></div>
<noscript>The sky needs JavaScript.</noscript>
<script type="application/json" id="trees">${data}</script>
<script type="module" src="assets/sky.js"></script>
</body>
</html>
`
}
