import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { replaceFile } from '../kit/durable-file.ts'

const form = /^node-[0-9a-f]{12}$/

/** The name of this node, made with its data folder: session ids, parked calls and chains of the journal name it. */
export async function loadNode(path: string): Promise<string> {
  try {
    const text = (await readFile(path, 'utf8')).trim()
    if (form.test(text)) return text
    throw new Error(`${path} is damaged. Remove it: sessions that are open then end.`)
  } catch (fault) {
    if (!(fault instanceof Error && 'code' in fault && fault.code === 'ENOENT')) throw fault
  }
  const node = `node-${randomBytes(6).toString('hex')}`
  await replaceFile(path, `${node}\n`)
  return node
}
