import { join } from 'node:path'
import { expect, test } from 'vitest'
import { windowsInvocation } from './command.ts'

const env = { Path: 'C:/none;C:/node', PATHEXT: '.EXE;.CMD', ComSpec: 'C:/cmd.exe' }
const npx = join('C:/node', 'npx.CMD')
const isFile = (path: string) => path === npx || path === join('C:/node', 'node.EXE')

test('a program is found in the path and gets its arguments as they are', () => {
  expect(
    windowsInvocation({ command: 'node', args: ['a "b"'], env, cwd: undefined }, isFile),
  ).toEqual({ file: join('C:/node', 'node.EXE'), args: ['a "b"'], verbatim: false })
})

test('a batch file runs in cmd.exe with every word quoted', () => {
  const spec = { command: 'npx', args: ['-y', 'a b & c', 'C:\\d\\'], env, cwd: undefined }
  expect(windowsInvocation(spec, isFile)).toEqual({
    file: 'C:/cmd.exe',
    args: ['/d', '/v:off', '/s', '/c', `""${npx}" "-y" "a b & c" "C:\\d\\\\""`],
    verbatim: true,
  })
})

test.each(['"', '%PATH%', 'a\nb', '!x!'])('%j is never passed to a batch file', (word) => {
  const spec = { command: 'npx', args: ['-y', word], env, cwd: undefined }
  expect(() => windowsInvocation(spec, isFile)).toThrow('argument 2 holds a character')
})

test('what is not found is left to the system to refuse', () => {
  const spec = { command: 'absent', args: [], env, cwd: undefined }
  expect(windowsInvocation(spec, isFile).file).toBe('absent')
})
