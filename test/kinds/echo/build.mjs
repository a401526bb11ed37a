// Builds the product with one more kind of API: the folder beside this file, and a line in each of the lists that name
// kinds. Nothing else is changed, which is what is to be shown. `node build.mjs FOLDER` writes the bundle there.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from '../../../scripts/bundle.mjs'

const here = import.meta.dirname
const own = (path) => JSON.stringify(join(here, path))

/** By the end of the file's path: what is imported, where the list begins, and the line. */
const lists = [
  [
    /src\/model\/kinds\/all\.ts$/,
    `import { echoSpec } from ${own('types.ts')}`,
    'apiSpecs = z.object({\n',
    'echo: echoSpec,',
  ],
  [
    /src\/kinds\/all\.ts$/,
    `import { echo } from ${own('kind.ts')}`,
    'ApiKindOf<K> } = {\n',
    'echo,',
  ],
  [
    /src\/kinds\/converters\.ts$/,
    '',
    'unknown>>\n} = {\n',
    `echo: async () => (await import(${own('convert/convert.ts')})).convertEcho,`,
  ],
]

const withEcho = {
  name: 'with-echo',
  setup(build) {
    for (const [path, imported, begin, line] of lists)
      build.onLoad({ filter: path }, ({ path: file }) => {
        const text = readFileSync(file, 'utf8')
        if (!text.includes(begin)) throw new Error(`${file} has no list that begins with ${begin}`)
        return {
          contents: `${imported}\n${text.replace(begin, `${begin}${line}\n`)}`,
          loader: 'ts',
        }
      })
  },
}

await bundle(process.argv[2], [withEcho])
