/** The worker's entry: one schema text in, one verdict out. It has no environment and keeps nothing. */
import { parentPort } from 'node:worker_threads'
import { compileSchema } from './compile.ts'

parentPort?.on('message', (text: string) => parentPort?.postMessage(compileSchema(text)))
parentPort?.postMessage('ready')
