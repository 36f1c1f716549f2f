/** Results in S3-compatible object storage. An object is there when it is whole: single puts and completed uploads. */
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { BucketStorage } from '../config.ts'
import { ServiceError } from '../error.ts'
import type { Storage } from './storage.ts'

/** S3 takes at most 10,000 parts of at least 5 MiB; parts grow, so that any size fits. */
const FIRST_PART = 8 << 20
const PARTS_BEFORE_GROWTH = 500

/**
 * Credentials come as the AWS client finds them: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, the machine's
 * role.
 */
export function bucketStorage({ bucket, endpoint, region, prefix }: BucketStorage): Storage {
  const client = new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    // Checksums beyond the protocol's own are unknown to many stores; ours is the SHA-256 in the database.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  const at = (key: string) => ({ Bucket: bucket, Key: prefix + key })

  async function uploadParts(key: string, parts: AsyncIterable<Buffer>): Promise<void> {
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(at(key)))
    const done: { PartNumber: number; ETag: string | undefined }[] = []
    try {
      for await (const Body of parts) {
        const PartNumber = done.length + 1
        const { ETag } = await client.send(new UploadPartCommand({ ...at(key), UploadId, PartNumber, Body }))
        done.push({ PartNumber, ETag })
      }
      const MultipartUpload = { Parts: done }
      await client.send(new CompleteMultipartUploadCommand({ ...at(key), UploadId, MultipartUpload }))
    } catch (error) {
      await client.send(new AbortMultipartUploadCommand({ ...at(key), UploadId })).catch(() => {})
      throw error
    }
  }

  return {
    async write(key, chunks) {
      const hash = createHash('sha256')
      let bytes = 0
      const parts = inParts(chunks, part => {
        hash.update(part)
        bytes += part.length
      })
      const [first, second] = [await parts.next(), await parts.next()]
      await told(async () => {
        if (second.done) {
          await client.send(new PutObjectCommand({ ...at(key), Body: first.value ?? Buffer.alloc(0) }))
        } else {
          await uploadParts(key, chained([first.value as Buffer, second.value], parts))
        }
      })
      return { bytes, sha256: hash.digest('hex') }
    },
    async read(key, range) {
      const Range = range && `bytes=${range.start}-${range.end}`
      const answer = await told(() => client.send(new GetObjectCommand({ ...at(key), Range })))
      return answer.Body as Readable
    },
    async remove(begin) {
      for (;;) {
        const { Contents = [], IsTruncated } = await told(() =>
          client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix + begin })),
        )
        if (Contents.length === 0) return
        const Objects = Contents.map(({ Key }) => ({ Key }))
        const { Errors = [] } = await told(() =>
          client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } })),
        )
        if (Errors[0]) throw new Error(`the object storage keeps ${Errors[0].Key}: ${Errors[0].Message}`)
        if (!IsTruncated) return
      }
    },
  }
}

/** Errors of the chunks' source go through as they are; the store's own are a passing state of the service. */
async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ServiceError) throw error
    const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } }
    if (name === 'NoSuchKey')
      throw new ServiceError('notFound', 'this file is no longer stored', { cause: error })
    if ($metadata === undefined && (error as NodeJS.ErrnoException).code === undefined) throw error
    const message = 'The storage of results does not answer as it should; try again in a moment.'
    throw new ServiceError('unavailable', message, { retryAfter: 60, cause: error })
  }
}

async function* inParts(
  chunks: AsyncIterable<Uint8Array>,
  look: (part: Buffer) => void,
): AsyncGenerator<Buffer, undefined> {
  let gathered: Uint8Array[] = []
  let size = 0
  let parts = 0
  for await (const chunk of chunks) {
    gathered.push(chunk)
    size += chunk.length
    if (size < FIRST_PART * 2 ** Math.floor(parts / PARTS_BEFORE_GROWTH)) continue
    const part = Buffer.concat(gathered, size)
    look(part)
    yield part
    parts++
    gathered = []
    size = 0
  }
  if (size === 0) return
  const part = Buffer.concat(gathered, size)
  look(part)
  yield part
}

async function* chained(first: readonly Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* first
  yield* rest
}
