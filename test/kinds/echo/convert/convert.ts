import { z } from 'zod'
import { select } from '../../../../src/kinds/selection.ts'
import { toolNames } from '../../../../src/kinds/tool-name.ts'
import { ConversionFault, type Convert } from '../../../../src/model/conversion.ts'
import type { EchoPlan, EchoSpec } from '../types.ts'

const descriptionSchema = z.object({
  echo: z.literal('1'),
  url: z.string(),
  words: z.array(z.string()),
})

/** A tool a word. */
export const convertEcho: Convert<EchoSpec, EchoPlan, undefined> = async (spec, description) => {
  const read = descriptionSchema.safeParse(JSON.parse(description.text))
  if (!read.success) throw new ConversionFault('description_invalid', read.error.message)
  const { url, words } = read.data
  const names = toolNames(words.map((word) => ({ operation: word, wishes: [word] })))
  const candidates = words.map((word) => ({
    operation: word,
    name: names.get(word) ?? word,
    place: '#/words',
  }))
  const { kept, skipped, notes } = select(candidates, spec.operations)
  return {
    title: 'Echo',
    version: '1',
    description: undefined,
    operations: words.length,
    tools: kept.map(({ operation, name }) => ({
      operation,
      definition: {
        name,
        inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
      },
      plan: { url: spec.url ?? url, word: operation },
    })),
    skipped,
    notes,
    common: undefined,
  }
}
