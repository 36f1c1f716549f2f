/** What an image is for another: weight maps, masks, uncertainties, by the conventions of EXTNAME, EXTTYPE and file names. */
import type { Header } from '../../fits/header.ts'
import { cardValues } from './card-values.ts'

export type Role = 'science' | 'weight' | 'mask' | 'variance'

const EXTENSIONS: readonly (readonly [RegExp, Role])[] = [
  [
    /^(wht|weight|wt|weightmap|ivar|invvar|inverse variance|coverage|cov|exposure|expmap|exp|nimg|con|ctx)\b/i,
    'weight',
  ],
  [/^(mask|msk|dq|dqarr|data ?quality|quality|flags?|bpm)\b/i, 'mask'],
  [/^(var|variance|stat|err|error|errors|sigma|unc|uncert|uncertainty|rms|noise|stddev)\b/i, 'variance'],
]

/** Of an image HDU, by its own name (EXTTYPE is Rubin's and HSC's); undefined where that says nothing. */
export function roleOfHdu(header: Header): Role | undefined {
  const own = cardValues([header])
  const names = [own.text('EXTTYPE'), own.text('EXTNAME'), own.text('HDUCLAS2')]
  // Names as in SCI_WHT or chip1.mask: the last word tells.
  for (const name of names.flatMap(name =>
    name === undefined ? [] : [name, name.split(/[._ -]/).at(-1)!],
  )) {
    const found = EXTENSIONS.find(([pattern]) => pattern.test(name))
    if (found) return found[1]
  }
  return undefined
}

const WORDS: readonly (readonly [RegExp, Role])[] = [
  [/[._-](weights?|wht|wt|invvar|ivar|cov|coverage|exp|expmap|nexp|wmap|weightmap)(?=[._-]|$)/i, 'weight'],
  [/[._-](mask|msk|dq|flags?|bpm|dqmask|maskbits)(?=[._-]|$)/i, 'mask'],
  [/[._-](var|variance|err|error|unc|sigma|rms|noise)(?=[._-]|$)/i, 'variance'],
]

/** NOIRLab's pipeline: ooi is the image, oow its weights, ood its mask, each also as os. and op. for stacks. */
const NOIRLAB = /_(o[ops])([iwd])_/
const NOIRLAB_ROLES: Readonly<Record<string, Role>> = { i: 'science', w: 'weight', d: 'mask' }

export interface FileRole {
  readonly role: Role
  /** The same for an image and what belongs to it. */
  readonly stem: string
}

const SCIENCE = /[._-](image|img|int|sci|science|data|drz|drc|skycell-image|intensity)(?=[._-]|$)/i

/** Of a file, by its name. */
export function roleOfFile(key: string): FileRole {
  const name = key.replace(/\.(gz|bz2|fz|z)$/i, '').replace(/\.(fits?|fts|fit|fz|imfits)$/i, '')
  const slash = name.lastIndexOf('/') + 1
  const [folder, file] = [name.slice(0, slash), name.slice(slash)]
  const noirlab = NOIRLAB.exec(file)
  if (noirlab) return { role: NOIRLAB_ROLES[noirlab[2]!]!, stem: folder + file.replace(NOIRLAB, '_$1_') }
  for (const [pattern, role] of WORDS) {
    if (pattern.test(file)) return { role, stem: folder + file.replace(pattern, '') }
  }
  return { role: 'science', stem: folder + file.replace(SCIENCE, '') }
}
