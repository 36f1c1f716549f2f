/** `npx almagest hips lint`: what is wrong with a tree. */
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, UsageError } from './command.ts'
import { type Finding, lintTree } from './hips/lint.ts'
import { publishedTrees } from './hips/published.ts'

const HELP = `Usage: npx almagest hips lint DIR|NAME [--json]

Looks at a finished HiPS, ours or another's, as it lies in a folder (NAME: one of this installation): the properties and
what they say, every tile that the coverage promises, sizes and types, parents that are the means of their children
(which shows wrong orientation as well), Allsky.

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
    if (target === undefined || more.length > 0) throw new UsageError('name one folder, or one HiPS')
    const own = /^[\w.-]+$/.test(target)
      ? await publishedTrees(path.join(config.dir, 'hips')).tree(target)
      : undefined
    const root = path.resolve(target)
    const tree = own ?? (await publishedTrees(path.dirname(root)).tree(path.basename(root)))
    if (!tree) throw new UsageError(`${target} is no finished HiPS: it has no file 'properties'`)
    const findings: Finding[] = []
    for await (const finding of lintTree(tree)) {
      findings.push(finding)
      if (!values.json) stdout.write(`${finding.level.padEnd(8)}${finding.text}\n`)
    }
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
