/**
 * `ingest images` on a folder of files as a pipeline leaves them: two kilobytes of cards and more, TAN-SIP and TPV, an
 * image and a mask in each. Claim: 10,000 files a minute, one or two reads of a header, and a run over files that have
 * not changed costs their stat alone.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../src/db/postgres.ts'
import { parseCard } from '../src/fits/card.ts'
import { cardText } from '../src/fits/card-text.ts'
import { emptyPrimary, imageHdu } from '../src/fits/write.ts'
import { ingestImages } from '../src/ingest/images/index.ts'
import { openLog } from '../src/log.ts'
import { testDatabase } from '../test/support/database.ts'

const FILES = 5000
const PER_FOLDER = 250

const card = (keyword: string, value: string | number) => parseCard(cardText(keyword, value))

function cardsOf(i: number) {
  const tpv = i % 2 === 0
  const ctype = tpv ? ['RA---TPV', 'DEC--TPV'] : ['RA---TAN-SIP', 'DEC--TAN-SIP']
  const distortion = tpv
    ? [1, 2].flatMap(axis =>
        [0, 1, 2, 4, 5, 6, 7, 8, 9, 10].map(m => card(`PV${axis}_${m}`, m === 1 ? 1 : 1e-5 * (m + 1))),
      )
    : [
        card('A_ORDER', 2),
        card('B_ORDER', 2),
        ...['A_2_0', 'A_1_1', 'A_0_2', 'B_2_0', 'B_1_1', 'B_0_2'].map(key => card(key, 2e-6)),
      ]
  return [
    card('CTYPE1', ctype[0]!),
    card('CTYPE2', ctype[1]!),
    card('CRVAL1', (i * 0.137) % 360),
    card('CRVAL2', -60 + ((i * 0.0711) % 120)),
    card('CRPIX1', 1024.5),
    card('CRPIX2', 2048.5),
    card('CD1_1', -7.2e-5),
    card('CD2_2', 7.2e-5),
    ...distortion,
    card('FILTER', 'r DECam SDSS c0002 6415.0 1480.0'),
    card('INSTRUME', 'DECam'),
    card('TELESCOP', 'CTIO 4.0-m telescope'),
    card('MJD-OBS', 56000 + i * 0.01),
    card('EXPTIME', 90),
    card('OBJECT', `field ${i}`),
    ...Array.from({ length: 90 }, (_, n) => card(`KEY${n}`, `something that a pipeline wrote, ${n}`)),
  ]
}

const folder = mkdtempSync(join(tmpdir(), 'almagest-bench-'))
try {
  const pixels = (bitpix: 16 | 8) => ({
    bitpix,
    shape: [64, 64],
    stored: bitpix === 16 ? new Int16Array(4096) : new Uint8Array(4096),
    scale: 1,
    zero: 0,
    blank: undefined,
  })
  for (let i = 0; i < FILES; i++) {
    const night = join(folder, `night${Math.floor(i / PER_FOLDER)}`)
    if (i % PER_FOLDER === 0) mkdirSync(night)
    const cards = cardsOf(i)
    const hdus = [
      emptyPrimary(cards.slice(-20)),
      ...imageHdu(pixels(16), cards, 'extension'),
      ...imageHdu(pixels(8), [card('EXTNAME', 'MASK'), ...cards], 'extension'),
    ]
    writeFileSync(join(night, `image${i}.fits`), Buffer.concat(hdus))
  }
  const db = await openDatabase({ url: await testDatabase(), log: openLog('silent') })
  const run = async (title: string) => {
    const before = { reads: reads(), cpu: process.cpuUsage(), at: performance.now() }
    const result = await ingestImages(
      db,
      {
        sources: [folder],
        collection: 'bench',
        authority: 'example.org',
        complain: ({ location, reason }) => console.error(location, reason),
      },
      () => {},
      new AbortController().signal,
    )
    const seconds = (performance.now() - before.at) / 1000
    const cpu = process.cpuUsage(before.cpu)
    const done = result.files + result.unchanged
    console.log(
      `${title}: ${result.files} files read, ${result.images} images, ${result.unchanged} unchanged in ${seconds.toFixed(1)} s: ` +
        `${Math.round((done / seconds) * 60)} files a minute, ${((1000 * (cpu.user + cpu.system)) / 1e6 / done).toFixed(2)} ms CPU ` +
        `and ${((reads() - before.reads) / done).toFixed(1)} system calls of reading a file`,
    )
  }
  await run('new')
  await run('again')
  console.log(`memory: ${Math.round(process.memoryUsage().rss / 1e6)} MB`)
  await db.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** read() and pread() of this process so far. */
function reads(): number {
  return Number(/syscr: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1])
}
