/** All bytes of an MCP server on their way in, before anything reads them. */
import { isUtf8 } from 'node:buffer'
import { Secrets } from './secrets.ts'
import { JsonStage, type Stage, utf8Stage } from './stages.ts'

const depthMax = 512

/** Makes UTF-8 of what a server sends, as everybody would read it, and takes out what is presented to it: servers echo requests. */
export class Incoming {
  private readonly secrets: Secrets

  /** `presented`: credentials of the server that must not come back. */
  constructor(presented: readonly string[]) {
    this.secrets = new Secrets(undefined, presented)
  }

  /** One message. The same bytes when nothing is wrong with them. */
  whole(bytes: Buffer): Buffer {
    const valid = isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'))
    return this.secrets.clean(valid, [])
  }

  /** The same for a result that comes in pieces, which must be JSON, too. */
  stages(): readonly Stage[] {
    const secrets = this.secrets.stage([])
    const stages = [utf8Stage(undefined), new JsonStage(depthMax)]
    return secrets === undefined ? stages : [...stages, secrets]
  }
}
