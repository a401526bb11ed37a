import { randomBytes } from 'node:crypto'
import { replaceFile } from '../kit/durable-file.ts'
import { readStateFile } from '../kit/state-file.ts'

const form = /^node-[0-9a-f]{12}$/

/** The name of this node, made with its data folder: session ids, parked calls and chains of the journal name it. */
export async function loadNode(path: string): Promise<string> {
  const text = (await readStateFile(path))?.trim()
  if (text !== undefined) {
    if (form.test(text)) return text
    throw new Error(`${path} is damaged. Remove it: sessions that are open then end.`)
  }
  const node = `node-${randomBytes(6).toString('hex')}`
  await replaceFile(path, `${node}\n`)
  return node
}
