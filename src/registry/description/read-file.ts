/** Reads documents of a description from the disk, never from outside the folders that it may point into. */
import type { FileHandle } from 'node:fs/promises'
import { realpath } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path'
import { openAtOnce } from '../../kit/state-file.ts'
import { ConversionFault } from '../../model/conversion.ts'
import { tooLarge } from './bounds.ts'

/** @throws ConversionFault document_unreadable, description_too_large */
export async function readFileBounded(path: string, bytesMax: number): Promise<Buffer> {
  let file: FileHandle | undefined
  try {
    file = await openAtOnce(path)
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
 * The real path of what a document points at. `folders` are real paths, the description's own folder first.
 * @throws ConversionFault document_refused, document_unreadable
 */
export async function containedPath(
  reference: string,
  from: string,
  folders: readonly string[],
): Promise<string> {
  const refused = (why: string) =>
    new ConversionFault('document_refused', `${JSON.stringify(reference)} ${why}`, from)
  const path = pathOf(reference)
  if (path === undefined || path.includes('\0')) throw refused('is no path')
  if (isAbsolutePath(path))
    throw refused('is an absolute path; only documents beside the description are read')
  // The root of a file system holds everything; only an operator can mean it.
  const allowed = folders.filter((folder, index) => index > 0 || dirname(folder) !== folder)
  if (allowed.length === 0)
    throw refused('is not read, since the description stands in the root of the file system')
  const whole = resolve(dirname(from), path)
  const outside = () =>
    refused(
      `leaves the description's own folder; "root" of the server (--root) can name ${folderOf(path, from)}`,
    )
  // Without a look at the disk first: what is outside must not even be known to exist.
  if (![...allowed, dirname(from)].some((folder) => isInside(whole, folder))) throw outside()
  let real: string
  try {
    real = await realpath(whole)
  } catch (fault) {
    throw unreadable(JSON.stringify(reference), fault, from)
  }
  if (!allowed.some((folder) => isInside(real, folder))) throw outside()
  return real
}

/** What descriptions are called; nothing else is read by their word alone. */
const descriptive = /\.(xsd|wsdl|xml|json|ya?ml|proto)$/i
/** How far above its folder a description may point when nobody named a root. */
const levelsMax = 8

/**
 * The folder that a reference climbs to, or `known` where an earlier one climbed, with the real path of what it means,
 * when that is a description as well and the folder is one of a project: not the home folder, not that for temporary
 * files, and none above them.
 */
export async function widerFolder(
  reference: string,
  from: string,
  { own, known }: { own: string; known: string | undefined },
): Promise<{ readonly folder: string; readonly path: string } | undefined> {
  const path = pathOf(reference)
  if (path === undefined || path.includes('\0') || isAbsolutePath(path)) return undefined
  const whole = resolve(dirname(from), path)
  const folder = known !== undefined && isInside(whole, known) ? known : folderOf(path, from)
  const levels = relative(folder, own).split(sep)
  if (levels[0] === '..' || levels.length > levelsMax) return undefined
  if ([homedir(), tmpdir()].some((one) => one === folder || isInside(one, folder))) return undefined
  const real = await realpath(whole).catch(() => undefined)
  if (real === undefined || !descriptive.test(whole) || !descriptive.test(real)) return undefined
  const inner = relative(folder, real).split(sep)
  return inner.some((part) => part.startsWith('.')) ? undefined : { folder, path: real }
}

/** The folder that the `../` at the beginning of a path lead to. */
function folderOf(path: string, from: string): string {
  const up = /^(?:\.{1,2}[\\/])*/.exec(path)?.[0] ?? ''
  return resolve(dirname(from), up)
}

const isAbsolutePath = (path: string): boolean => isAbsolute(path) || /^[a-z]:[\\/]/i.test(path)

/** References are URIs (RFC 3986), so that a space may stand as %20. */
function pathOf(reference: string): string | undefined {
  try {
    return decodeURIComponent(reference)
  } catch {
    return reference
  }
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
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
