/**
 * Small descriptions and all that becomes of them: `test/golden/openapi/*.txt`, input, separator, output.
 * `UPDATE_GOLDEN=1 npm test -- test/apis/golden-openapi.test.ts` writes the outputs anew; review the difference.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { ConversionFault } from '../../src/model/conversion.ts'
import { checkArguments, checkConversion, checkSchemas, convertText } from './openapi-corpus.ts'

const folder = fileURLToPath(new URL('../golden/openapi/', import.meta.url))
const separator = '\n-----\n'
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'))

test('there are cases', () => expect(files.length).toBeGreaterThanOrEqual(7))

test.each(files)('%s', async (file) => {
  const text = readFileSync(`${folder}${file}`, 'utf8')
  const [input = '', wanted] = text.split(separator)
  const output = await outputOf(input)
  // biome-ignore lint/style/noProcessEnv: a switch of the test run, not of the product
  if (process.env['UPDATE_GOLDEN'] === '1')
    writeFileSync(`${folder}${file}`, `${input.trimEnd()}${separator}${output}\n`)
  else expect(output).toBe(wanted?.trimEnd())
})

async function outputOf(input: string): Promise<string> {
  try {
    const conversion = await convertText(input)
    checkConversion(conversion)
    for (const tool of conversion.tools) {
      checkSchemas(tool)
      checkArguments(tool)
    }
    return JSON.stringify(conversion, undefined, 2)
  } catch (thrown) {
    if (!(thrown instanceof ConversionFault)) throw thrown
    return `${thrown.code} ${thrown.place}: ${thrown.message}`
  }
}
