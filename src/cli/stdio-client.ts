/** `sallyport stdio` through a gateway that runs. The first line says who and where, the rest is the stdio transport. */
import { connect, type Socket } from 'node:net'
import { errorOf } from '../admin/contract/client.ts'
import { assertPrivate, stdioPlace } from '../admin/contract/socket.ts'

/** A stdio connection to the running gateway; undefined when none runs. Rejects with its sentence when it says no. */
export async function connectStdio(
  dataDir: string,
  key: string | undefined,
  endpoint: string,
): Promise<Socket | undefined> {
  const { path, folder } = await stdioPlace(dataDir)
  const socket = await new Promise<Socket | undefined>((resolve) => {
    const attempt = connect({ path, allowHalfOpen: true })
    attempt.once('connect', () => resolve(attempt))
    attempt.once('error', () => resolve(undefined))
  })
  if (socket === undefined) return undefined
  if (folder !== undefined) await assertPrivate(folder)
  socket.write(`${JSON.stringify({ ...(key === undefined ? {} : { key }), endpoint })}\n`)
  const answer = await firstLine(socket)
  if (answer === 'ok') return socket
  socket.destroy()
  if (answer.startsWith('{')) throw errorOf({ status: 400, body: answer })
  throw new Error(answer === '' ? 'The gateway closed the connection.' : answer)
}

function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0)
    const take = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk])
      const end = held.indexOf(0x0a)
      if (end < 0) return
      socket.off('data', take)
      socket.pause()
      const rest = held.subarray(end + 1)
      if (rest.length > 0) socket.unshift(rest)
      resolve(held.toString('utf8', 0, end))
    }
    socket.on('data', take)
    socket.once('error', reject)
    socket.once('close', () => resolve(held.toString('utf8')))
  })
}
