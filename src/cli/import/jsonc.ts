/** JSON as editors write it: with comments and commas before a closing bracket. */
export function parseJsonc(text: string): unknown {
  return JSON.parse(withoutTrailingCommas(withoutComments(text.replace(/^\uFEFF/, ''))))
}

const stringOrComment = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
const stringOrComma = /"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])/g

function withoutComments(text: string): string {
  return text.replace(stringOrComment, (found) => (found.startsWith('"') ? found : ' '))
}

function withoutTrailingCommas(text: string): string {
  return text.replace(stringOrComma, (found) => (found.startsWith('"') ? found : ''))
}
