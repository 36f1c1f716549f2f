/**
 * Aladin Desktop on HiPS of a running service: what it says of each plane (objects it has read, resolution, status) and a
 * picture to look at. Needs Debian's `aladin` and `xvfb`. It runs without the network: the dictionary of servers that it
 * would fetch from CDS is replaced by one server, without which it does not start.
 *
 *   npx tsx conformance/aladin.ts PICTURE.png "150.0 2.0" 1deg http://127.0.0.1:8080/hips/demo_r …
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const JAR = '/usr/share/java/aladin.jar'

const DICTIONARY = `%ActionName nowhere
%Description A server that is not asked
%Owner CDS'aladin
%DistribDomain ALADIN
%Url http://127.0.0.1:1/?RA=$1&DEC=$2&SR=$3
%Param.Description $1=Right ascension
%Param.Description $2=Declination
%Param.Description $3=Radius
%Param.DataType $1=Target(RAd)
%Param.DataType $2=Target(DEd)
%Param.DataType $3=Field(RADIUSd)
%Param.Value $3=0.1
%ResultDataType Mime(image/fits)
%Aladin.Label Nowhere
`

const [picture, position, size, ...urls] = process.argv.slice(2)
if (!picture || !position || !size || urls.length === 0 || !existsSync(JAR)) {
  console.error('usage: aladin.ts PICTURE.png "RA DEC" SIZE URL…, with Debian\'s aladin and xvfb installed')
  process.exit(2)
}
const folder = mkdtempSync(path.join(tmpdir(), 'almagest-aladin-'))
try {
  const dictionary = path.join(folder, 'servers.dic')
  writeFileSync(dictionary, DICTIONARY)
  const script = [
    ...urls.flatMap(url => [`load ${url}`, 'pause 6']),
    position,
    `zoom ${size}`,
    'sync',
    'pause 8',
    'status',
    `save ${path.resolve(picture)}`,
    'quit',
  ].join(';')
  const java = ['-jar', JAR, `-glufile=${dictionary}`, '-nobanner', '-nohub', `-script=${script}`]
  const { stdout } = spawnSync('xvfb-run', ['-a', 'java', ...java], { encoding: 'utf8', timeout: 180_000 })
  const planes = stdout.split(/\n(?=PlaneID)/).slice(1)
  for (const plane of planes) console.log(plane.split('\nViewID')[0]!.trim(), '\n')
  if (planes.length < urls.length || !existsSync(picture)) {
    console.error(`Aladin shows ${planes.length} of ${urls.length} planes`)
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
