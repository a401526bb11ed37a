/** Reads documents of a description from the disk, never from outside the description's own folder. */
import type { FileHandle } from 'node:fs/promises'
import { open, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, resolve, sep } from 'node:path'
import { ConversionFault } from '../../model/conversion.ts'
import { tooLarge } from './bounds.ts'

/** @throws ConversionFault document_unreadable, description_too_large */
export async function readFileBounded(path: string, bytesMax: number): Promise<Buffer> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    // A pipe or a device would never end.
    const stats = await file.stat()
    if (!stats.isFile()) throw new ConversionFault('document_unreadable', 'it is no file', path)
    if (stats.size > bytesMax) throw tooLarge(bytesMax, 'a document', path)
    const bytes = Buffer.alloc(stats.size)
    const { bytesRead } = await file.read(bytes, 0, stats.size, 0)
    return bytes.subarray(0, bytesRead)
  } catch (fault) {
    if (fault instanceof ConversionFault) throw fault
    throw unreadable('it', fault, path)
  } finally {
    await file?.close()
  }
}

/**
 * The real path of what a document points at. `folder` is the real path of the description's own folder.
 * @throws ConversionFault document_refused, document_unreadable
 */
export async function containedPath(
  reference: string,
  from: string,
  folder: string,
): Promise<string> {
  const refused = (why: string) =>
    new ConversionFault('document_refused', `${JSON.stringify(reference)} ${why}`, from)
  const path = pathOf(reference)
  if (path === undefined || path.includes('\0')) throw refused('is no path')
  if (isAbsolute(path) || /^[a-z]:[\\/]/i.test(path))
    throw refused('is an absolute path; only documents beside the description are read')
  if (dirname(folder) === folder)
    throw refused('is not read, since the description stands in the root of the file system')
  const whole = resolve(dirname(from), path)
  // Without a look at the disk first: what is outside must not even be known to exist.
  if (!isInside(whole, folder) && !isInside(whole, dirname(from)))
    throw refused("leaves the description's own folder")
  let real: string
  try {
    real = await realpath(whole)
  } catch (fault) {
    throw unreadable(JSON.stringify(reference), fault, from)
  }
  if (!isInside(real, folder)) throw refused("leaves the description's own folder")
  return real
}

/** References are URIs (RFC 3986), so that a space may stand as %20. */
function pathOf(reference: string): string | undefined {
  try {
    return decodeURIComponent(reference)
  } catch {
    return reference
  }
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder + sep)
}

function unreadable(what: string, fault: unknown, place: string): ConversionFault {
  return new ConversionFault(
    'document_unreadable',
    `${what} cannot be read (${codeOf(fault)})`,
    place,
  )
}

function codeOf(fault: unknown): string {
  return fault instanceof Error && 'code' in fault ? String(fault.code) : 'failed'
}
