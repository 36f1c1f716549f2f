/** A page that shows what a batch has made: one file, without anything from elsewhere. */
import type { Stamp } from './stamp.ts'

export interface Card {
  readonly title: string
  readonly ra: number | undefined
  readonly dec: number | undefined
  readonly bands: readonly string[]
  readonly problem: string | undefined
  readonly preview: Stamp['preview']
}

/** Pictures in the page; those behind are in the archive only. */
export const MOST_PICTURES = 2000

const STYLE = `
:root{color-scheme:dark;--back:#0b0d12;--card:#141821;--line:#232936;--text:#e6e9f0;--soft:#8b94a7;--warm:#f2b36b}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:14px/1.45 system-ui,-apple-system,"Segoe UI",sans-serif}
header{position:sticky;top:0;z-index:1;display:flex;flex-wrap:wrap;gap:.6rem 1.5rem;align-items:baseline;padding:1rem 1.5rem;
  background:rgba(11,13,18,.92);border-bottom:1px solid var(--line);backdrop-filter:blur(6px)}
h1{margin:0;font-size:1.15rem;font-weight:600}
header p{margin:0;color:var(--soft)}
header input{margin-left:auto;width:16rem;max-width:100%;padding:.4rem .7rem;border:1px solid var(--line);border-radius:.5rem;
  background:var(--card);color:inherit;font:inherit}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(168px,1fr));gap:1rem;padding:1.5rem}
figure{margin:0;overflow:hidden;border:1px solid var(--line);border-radius:.6rem;background:var(--card)}
figure[hidden]{display:none}
figure:hover{border-color:#46506a}
.sky{display:grid;place-items:center;aspect-ratio:1;background:#000}
.sky img{width:100%;height:100%;object-fit:contain;image-rendering:auto}
.sky span{padding:1rem;color:var(--soft);text-align:center}
figcaption{padding:.55rem .7rem .65rem}
figcaption b{display:block;overflow:hidden;font-weight:600;text-overflow:ellipsis;white-space:nowrap}
figcaption small{display:block;color:var(--soft);font-variant-numeric:tabular-nums}
figcaption i{display:block;margin-top:.2rem;color:var(--warm);font-size:.8rem;font-style:normal}
.band{display:inline-block;margin:.3rem .25rem 0 0;padding:0 .45rem;border:1px solid var(--line);border-radius:1rem;color:var(--soft);font-size:.75rem}
`

const SCRIPT = `
const find=document.querySelector('input'),cards=[...document.querySelectorAll('figure')]
find.addEventListener('input',()=>{const w=find.value.toLowerCase();for(const c of cards)c.hidden=!c.textContent.toLowerCase().includes(w)})
`

export function* gallery(title: string, summary: string, cards: readonly Card[]): Generator<Buffer> {
  yield Buffer.from(
    `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">` +
      `<title>${escaped(title)}</title><style>${STYLE}</style>` +
      `<header><h1>${escaped(title)}</h1><p>${escaped(summary)}</p>` +
      `<input type="search" placeholder="Find" aria-label="Find by name or position"></header><main>\n`,
  )
  for (const card of cards) yield Buffer.from(figure(card))
  yield Buffer.from(`</main><script>${SCRIPT}</script></html>\n`)
}

function figure({ title, ra, dec, bands, problem, preview }: Card): string {
  const image = preview
    ? `<img loading="lazy" alt="" src="data:image/jpeg;base64,${Buffer.from(preview).toString('base64')}">`
    : '<span>no image</span>'
  const place =
    ra === undefined || dec === undefined
      ? ''
      : `<small>${ra.toFixed(5)} ${dec < 0 ? '−' : '+'}${Math.abs(dec).toFixed(5)}</small>`
  return (
    `<figure><div class="sky">${image}</div><figcaption><b title="${escaped(title)}">${escaped(title)}</b>${place}` +
    bands.map(band => `<span class="band">${escaped(band)}</span>`).join('') +
    `${problem ? `<i>${escaped(problem)}</i>` : ''}</figcaption></figure>\n`
  )
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`)
}
