/** The worker's entry: arguments that take long to judge. It keeps what it compiled last, and nothing of a call. */
import { parentPort } from 'node:worker_threads'
import { Lru } from '../kit/lru.ts'
import type { HeaderParam } from '../model/target.ts'
import { type Judgement, judgeArguments } from './judge.ts'
import { makeValidator, sourceChars, type Validator, type ValidatorSource } from './validator.ts'

/** One call's arguments and the digest of their schema, with its source where the worker asked for it. */
export interface CheckJob {
  readonly digest: string
  readonly source: ValidatorSource | undefined
  readonly text: string
  readonly headerParams: readonly HeaderParam[]
}

/** `source-wanted`: the worker does not have the schema yet, or no more. */
export type CheckAnswer = Judgement | { readonly kind: 'source-wanted' }

const validators = new Lru<string, Validator>({ countMax: 500, weightMax: 32_000_000 })

function answer({ digest, source, text, headerParams }: CheckJob): CheckAnswer {
  let validator = validators.get(digest)
  if (validator === undefined) {
    if (source === undefined) return { kind: 'source-wanted' }
    validator = makeValidator(source)
    validators.set(digest, validator, sourceChars(source))
  }
  return judgeArguments(validator, text, headerParams)
}

parentPort?.on('message', (job: CheckJob) => parentPort?.postMessage(answer(job)))
parentPort?.postMessage('ready')
