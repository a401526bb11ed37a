/** Standard output and standard error as commands use them. */
import type { Writer } from './ports.ts'

/** `gone` is told when the reader has closed its end: no fault of ours, and nothing to say about. */
export function standardStream(stream: NodeJS.WriteStream, gone: () => void): Writer {
  stream.on('error', gone)
  return {
    isTTY: stream.isTTY === true,
    write: (text) => {
      stream.write(text)
    },
    flushed: () =>
      stream.writableLength === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            stream.write('', () => resolve())
          }),
  }
}
