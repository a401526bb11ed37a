import { expect, test } from 'vitest'
import { attributeOf, escapeAttribute, escapeText, isXmlText, parseXml, XmlFault } from './xml.ts'

const limits = { charactersMax: 1_000_000, depthMax: 50, nodesMax: 10_000 }
const fault = async (text: string): Promise<string> =>
  parseXml(text, limits).then(
    () => 'read',
    (thrown: unknown) => {
      if (thrown instanceof XmlFault) return thrown.reason
      throw thrown
    },
  )

test('names, attributes, text and prefixes of values are resolved where they stand', async () => {
  const root = await parseXml(
    '<?xml version="1.0"?><a xmlns="urn:a" xmlns:b="urn:b" x="1" b:y="2">one<b:c xmlns:b="urn:c" type="b:t"/><![CDATA[<two>]]></a>',
    limits,
  )
  expect([root.namespace, root.local, root.text]).toEqual(['urn:a', 'a', 'one<two>'])
  expect(attributeOf(root, 'x')).toBe('1')
  expect(attributeOf(root, 'y', 'urn:b')).toBe('2')
  const [child] = root.children
  expect([child?.namespace, child?.scope('b'), child?.scope(''), child?.scope('q')]).toEqual([
    'urn:c',
    'urn:c',
    'urn:a',
    undefined,
  ])
})

test('document types are refused before anything of them is used', async () => {
  expect(await fault('<!DOCTYPE a><a/>')).toBe('doctype')
  expect(await fault('<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')).toBe('doctype')
  expect(await fault('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>')).toBe('doctype')
})

test('what is malformed or too large is refused with its line', async () => {
  for (const text of ['', '<a>', '<a></b>', '<a/><b/>', '<a>&x;</a>', 'text'])
    expect(await fault(text), text).toBe('malformed')
  expect(await fault('<a>'.repeat(60) + '</a>'.repeat(60))).toBe('too-large')
  expect(await fault(`<a>${'<b/>'.repeat(10_001)}</a>`)).toBe('too-large')
  expect(await fault(`<a>${' '.repeat(1_000_001)}</a>`)).toBe('too-large')
  await expect(parseXml('<a>\n\n<b></a>', limits)).rejects.toMatchObject({ line: 3 })
})

test('many references to characters and long texts are no attack', async () => {
  const root = await parseXml(
    `<a x="${'&lt;'.repeat(2_000)}">${'&amp;&#65;'.repeat(90_000)}</a>`,
    limits,
  )
  expect(root.text).toBe('&A'.repeat(90_000))
  expect(attributeOf(root, 'x')).toBe('<'.repeat(2_000))
})

test('any text that XML can hold comes back as it was', async () => {
  const text = `<&>"'\t\r\n]]> <!-- --> <?pi?> &amp; &lol; \u{1F600}`
  const root = await parseXml(`<a x="${escapeAttribute(text)}">${escapeText(text)}</a>`, limits)
  expect(root.text).toBe(text)
  expect(attributeOf(root, 'x')).toBe(text)
  expect([isXmlText(text), isXmlText('\u0000'), isXmlText('\uFFFE'), isXmlText('\uD800')]).toEqual([
    true,
    false,
    false,
    false,
  ])
})
