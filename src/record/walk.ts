/** Where things lie in a writer's folder. */
import { join } from 'node:path'
import { scanSegment } from './scan.ts'
import { parseHeader, type SegmentHeader, segmentName, segmentNumbers } from './segment.ts'

/** The header of a segment; undefined when it has none that can be read. */
export async function readHeader(
  folder: string,
  segment: number,
): Promise<SegmentHeader | undefined> {
  const path = join(folder, segmentName(segment))
  try {
    for await (const group of scanSegment(path, { offset: 0, chain: undefined }))
      return group.kind === 'group' ? parseHeader(group.lines[0] ?? '') : undefined
  } catch {}
  return undefined
}

/** Whether any segment of the folder holds more than its header. */
export async function hasEntries(folder: string): Promise<boolean> {
  for (const segment of await segmentNumbers(folder)) {
    const path = join(folder, segmentName(segment))
    for await (const found of scanSegment(path, { offset: 0, chain: undefined })) {
      if (found.kind === 'group' && found.count > 0) return true
      if (found.kind === 'rest' && found.start > 0 && found.bytes.length > 0) return true
    }
  }
  return false
}
