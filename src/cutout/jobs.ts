/** Cutouts as a job: a result for every image and every combination of filters (SODA 1.0 §6). */
import { errorText } from '../error.ts'
import type { JobKind } from '../uws/kind.ts'
import { type CutoutDependencies, compositeCutout, cutout, imagesOf } from './cut.ts'
import { sodaError } from './faults.ts'
import { cutoutRequest, SINGLE } from './params.ts'

export function cutoutJobs(deps: CutoutDependencies): JobKind {
  return {
    name: 'cutout',
    path: '/cutout/async',
    once: SINGLE,
    title(parameters) {
      const images = parameters.all('ID').length
      return images === 1 ? `Cutouts of ${parameters.all('ID')[0]}` : `Cutouts of ${images} images`
    },
    async estimate({ parameters }) {
      const { ids, filters } = cutoutRequest(parameters)
      return { seconds: 0.05 * ids.length * filters.length }
    },
    async run({ parameters, job, signal, progress, write }) {
      const { ids, filters, output } = cutoutRequest(parameters)
      const images = await imagesOf(deps.db, job.identity, ids)
      const style = output.composite ? output.picture : undefined
      const made = filters.flatMap(filter =>
        style
          ? [() => compositeCutout(deps, images, filter, style)]
          : images.map(image => () => cutout(deps, image, filter, output)),
      )
      for (const [i, make] of made.entries()) {
        signal.throwIfAborted()
        const id = `cutout_${String(i + 1).padStart(String(made.length).length, '0')}`
        // One that fails, or has no pixels, is a result that says so; the others still come.
        const found = await make().catch(error => {
          if (made.length === 1) throw error
          return { fault: `${errorText(sodaError(error))}\n` }
        })
        if (found && !('fault' in found)) {
          const { contentType, fileName, chunks } = found
          await write({ id, contentType, fileName }, chunks).finally(found.close)
        } else {
          const text =
            found?.fault ?? 'UsageError: no pixel of the image is in the shape and intervals asked for\n'
          await write({ id, contentType: 'text/plain', fileName: `${id}.txt` }, [Buffer.from(text)])
        }
        progress(i + 1, made.length)
      }
    },
  }
}
