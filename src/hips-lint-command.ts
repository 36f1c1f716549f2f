/** `npx almagest hips lint`: what is wrong with a tree. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { lintTree } from './hips/lint.ts'
import { localFiles, remoteTree, type TreeFiles } from './hips/lint-files.ts'
import { type Finding, warning } from './hips/lint-finding.ts'
import { type PublishedTree, publishedTrees } from './hips/published.ts'

const HELP = `Usage: npx almagest hips lint DIR|NAME|URL [--json]

Looks at a finished HiPS of images or of a catalogue, ours or another's, in a folder (NAME: one of this installation) or
at a URL: the properties and what they say, every tile that the coverage promises, sizes and types, parents that are
the means of their children (which shows wrong orientation as well), the rows of a catalogue, Allsky. At a URL some
tiles of each order are asked for; redirects to other hosts are not followed.

  --json   print the findings as JSON

Exit code 0: no errors; 1: errors; 2: wrong options.`

export const hipsLintCommand: Command = {
  name: 'hips lint',
  summary: 'look at a HiPS for what viewers trip over',
  help: HELP,
  async run(argv, { config, stdout }) {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: { json: { type: 'boolean', default: false } },
    })
    const [target, ...more] = positionals
    if (target === undefined || more.length > 0) throw new UsageError('name one folder, one HiPS, or one URL')
    const findings: Finding[] = []
    const found = (finding: Finding) => {
      findings.push(finding)
      if (!values.json) stdout.write(`${finding.level.padEnd(8)}${finding.text}\n`)
    }
    const { tree, files } = /^https?:\/\//i.test(target)
      ? await atUrl(target, found)
      : await inFolder(target, path.join(config.dir, 'hips'))
    for await (const finding of lintTree(tree, files)) found(finding)
    const count = (level: Finding['level']) => findings.filter(one => one.level === level).length
    const [errors, warnings] = [count('error'), count('warning')]
    stdout.write(
      values.json
        ? `${JSON.stringify({ errors, warnings, findings })}\n`
        : `${tree.name}: ${errors} errors, ${warnings} warnings\n`,
    )
    return errors > 0 ? 1 : 0
  },
}

interface Target {
  readonly tree: PublishedTree
  readonly files: TreeFiles
}

async function atUrl(text: string, found: (finding: Finding) => void): Promise<Target> {
  if (!URL.canParse(text)) throw new UsageError(`${text} is no URL`)
  const { tree, files, isOpen } = await remoteTree(new URL(text))
  if (!isOpen)
    found(warning('properties: no Access-Control-Allow-Origin: *; Aladin Lite on other pages cannot read it'))
  return { tree, files }
}

async function inFolder(target: string, published: string): Promise<Target> {
  const own = /^[\w.-]+$/.test(target) ? await publishedTrees(published).tree(target) : undefined
  const root = path.resolve(target)
  const tree = own ?? (await publishedTrees(path.dirname(root)).tree(path.basename(root)))
  if (!tree) throw new UsageError(`${target} is no finished HiPS: it has no file 'properties'`)
  return { tree, files: localFiles(tree.root) }
}
