import { expect, test } from 'vitest'
import { childEnvironment } from './environment.ts'

const parent = {
  PATH: '/bin',
  HOME: '/home/a',
  LC_ALL: 'C',
  AWS_SECRET_ACCESS_KEY: 'secret',
  WANTED: 'yes',
  ABSENT: undefined,
  SHELL: '() { :; }',
}

test('only the allow-list, the inherited names and the extra ones pass', () => {
  expect(childEnvironment(parent, ['WANTED', 'ABSENT'], { HOME: '/h', KEY: 'k' }, 'linux')).toEqual(
    {
      PATH: '/bin',
      LC_ALL: 'C',
      WANTED: 'yes',
      HOME: '/h',
      KEY: 'k',
    },
  )
})

test('names are folded on Windows, also when an extra one replaces a parent one', () => {
  const windows = { Path: 'C:\\a', SystemRoot: 'C:\\Windows', wanted: '1', SECRET: 's' }
  expect(childEnvironment(windows, ['Wanted'], { PATH: 'C:\\b' }, 'win32')).toEqual({
    SystemRoot: 'C:\\Windows',
    wanted: '1',
    PATH: 'C:\\b',
  })
})
