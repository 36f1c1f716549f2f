/** Colour maps: 256 colours each, from dark to bright; `_r` behind a name turns one around. */

/** Every eighth colour of matplotlib's maps (CC0), between which lines are drawn; within 3 levels of the whole. */
const NODES: Readonly<Record<string, string>> = {
  gray: '000000 ffffff',
  heat: '000000 550000 aa0000 ff0000 ff5500 ffaa00 ffff00 ffff80 ffffff',
  viridis:
    '440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d 2f6b8e 2c728e 297a8e 26828e 23898e ' +
    '21918c 1f988b 1fa088 22a785 28ae80 32b67a 3fbc73 4ec36b 5ec962 70cf57 84d44b 98d83e addc30 c2df23 d8e219 ece51b ' +
    'fde725',
  inferno:
    '000004 040312 0b0724 150b37 210c4a 2f0a5b 3d0965 4a0c6b 57106e 64156e 71196e 7d1e6d 8a226a 972766 a32c61 b0315b ' +
    'bc3754 c73e4c d24644 db503b e45a31 eb6628 f1731d f68013 f98e09 fb9d07 fcac11 fbbc21 f9cb35 f5db4c f2ea69 f3f68a ' +
    'fcffa4',
  magma:
    '000004 030312 0a0822 130d34 1d1147 29115a 36106b 440f76 51127c 5d177f 6a1c81 762181 832681 902a81 9c2e7f aa337d ' +
    'b73779 c43c75 d0416f dc4869 e75263 ef5d5e f56b5c f9795d fc8961 fd9869 fea772 feb67c fec488 fed395 fde2a3 fcf0b2 ' +
    'fcfdbf',
  plasma:
    '0d0887 220690 310597 3f049c 4c02a1 5901a5 6600a7 7201a8 7e03a8 8a09a5 9511a1 a01a9c aa2395 b32c8e bc3587 c43e7f ' +
    'cc4778 d35171 da5a6a e06363 e66c5c eb7655 f0804e f58b47 f89540 fba139 fdac33 feb82c fdc527 fcd225 f8df25 f4ed27 ' +
    'f0f921',
}

export const COLOR_MAPS: readonly string[] = Object.keys(NODES)

const made = new Map<string, Uint8Array>()

/** 256 times red, green, blue; undefined for a name that is none. */
export function colorMap(name: string): Uint8Array | undefined {
  const known = made.get(name)
  if (known) return known
  const reversed = name.endsWith('_r')
  const nodes = Object.hasOwn(NODES, name.replace(/_r$/, '')) ? NODES[name.replace(/_r$/, '')] : undefined
  if (nodes === undefined) return undefined
  const colors = nodes.split(' ').map(hex => [0, 2, 4].map(i => Number.parseInt(hex.slice(i, i + 2), 16)))
  const map = new Uint8Array(768)
  for (let level = 0; level < 256; level++) {
    const place = reversed ? 255 - level : level
    const step = 256 / (colors.length - 1)
    const i = Math.floor(place / step)
    const along = (place - i * step) / (Math.min((i + 1) * step, 255) - i * step)
    for (let c = 0; c < 3; c++) {
      const [from, to] = [colors[i]![c]!, colors[i + 1]![c]!]
      map[3 * level + c] = Math.round(from + along * (to - from))
    }
  }
  made.set(name, map)
  return map
}
