/** The part of `sax` (1.6) that `xml.ts` uses; the package brings no types. */
declare module 'sax' {
  interface Tag {
    name: string
    attributes: Record<string, string>
  }
  interface Parser {
    line: number
    column: number
    onerror: (error: Error) => void
    ondoctype: (declaration: string) => void
    ontext: (text: string) => void
    oncdata: (text: string) => void
    onopentag: (tag: Tag) => void
    onclosetag: () => void
    write(text: string): Parser
    close(): Parser
  }
  const sax: {
    parser(strict: boolean, options: { strictEntities: boolean; position: boolean }): Parser
  }
  export = sax
}
