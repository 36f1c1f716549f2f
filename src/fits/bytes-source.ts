/** A file that is in memory. */
import type { ByteSource } from './hdu.ts'

export function bytesSource(bytes: Buffer): ByteSource {
  return {
    random: true,
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  }
}
