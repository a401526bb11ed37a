import { describe, expect, test } from 'vitest'
import { engineOptions, outcome } from '../../../../test/fixtures/databases/engine.ts'
import {
  isInstalled,
  startMariadb,
  startMysql,
} from '../../../../test/fixtures/databases/server.ts'
import { openMysql } from '../../../../test/fixtures/databases/world.ts'

for (const { name, there, start } of [
  { name: 'MariaDB', there: isInstalled('MariaDB'), start: startMariadb },
  { name: 'MySQL', there: isInstalled('MySQL'), start: startMysql },
])
  describe.skipIf(!there)(`columns of ${name}`, () => {
    test('are as an account sees them that may only read', async () => {
      const world = await openMysql(start)
      await world.admin(`create table shop.kinds (id int auto_increment primary key, a int not null, twice int generated always as (a * 2) virtual,
        kept int generated always as (a + 1) stored, made datetime not null default current_timestamp on update current_timestamp,
        word varchar(20) not null default (concat('a', 'b')), plain varchar(20) default 'it''s', flag bit(1), flags bit(9), whole bigint unsigned,
        picked set('x','y'), doc json, constraint positive check (a > 0), unique (word, a))`)
      await world.admin(
        `insert into shop.kinds (a, flag, flags, whole, picked, doc) values (3, 1, 257, 18446744073709551615, 'x,y', '{"n": 18446744073709551615, "k": [true]}')`,
      )
      const engine = world.make(engineOptions(world.url.replace('write:writes', 'read:reads')))
      try {
        const catalog = await engine.introspect(new AbortController().signal)
        const table = catalog.tables.find((one) => one.name === 'kinds')
        expect(
          Object.fromEntries(
            (table?.columns ?? []).map(({ name: column, kind, generated }) => [
              column,
              generated ? `${kind}, generated` : kind,
            ]),
          ),
        ).toEqual({
          id: 'integer',
          a: 'integer',
          twice: 'integer, generated',
          kept: 'integer, generated',
          made: 'timestamp',
          word: 'text',
          plain: 'text',
          flag: 'other',
          flags: 'other',
          whole: 'bigint',
          picked: 'text',
          doc: 'json',
        })
        expect(table).toMatchObject({ primaryKey: ['id'], uniqueKeys: [['word', 'a']] })
        expect(table?.checks.join()).toMatch(/^\(?`a` > 0\)?$/)
        expect(catalog.dangers).toEqual([])
        const { rows } = Object(
          await outcome(
            engine,
            'select twice, kept, word, flag, flags, whole, picked, doc from kinds',
          ),
        )
        expect(rows).toEqual([
          {
            twice: 6,
            kept: 4,
            word: 'ab',
            flag: true,
            flags: 257,
            whole: '18446744073709551615',
            picked: 'x,y',
            doc: expect.objectContaining({ k: [true] }),
          },
        ])
        expect(JSON.stringify(await outcome(engine, 'select plain, made from kinds'))).toContain(
          "it's",
        )
      } finally {
        await engine.close()
        await world.close()
      }
    })
  })
