/**
 * What the account can do beside reading. A read-only transaction holds everything that is transactional; what is not,
 * files, programs, other connections and other sessions, only missing privileges hold. So an account that has such
 * privileges, by itself or by any role that it can take on, gets no statement of a caller.
 */
import type { Client } from 'pg'

export interface Account {
  readonly name: string
  readonly dangers: readonly string[]
  readonly writes: readonly string[]
  readonly advice: readonly string[]
}

/** Predefined roles (PostgreSQL 22.5) whose powers do not end with a transaction. */
const strongRoles = [
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_signal_backend',
  'pg_signal_autovacuum_worker',
  'pg_checkpoint',
  'pg_maintain',
  'pg_create_subscription',
]

/** Functions of the system that PUBLIC may not call, unless somebody granted them. */
const strongFunctions = [
  'pg_read_file',
  'pg_read_binary_file',
  'pg_ls_dir',
  'pg_stat_file',
  'pg_file_write',
  'pg_file_sync',
  'pg_file_rename',
  'pg_file_unlink',
  'lo_import',
  'lo_export',
  'pg_reload_conf',
  'pg_rotate_logfile',
  'pg_switch_wal',
  'pg_create_restore_point',
  'pg_promote',
  'pg_wal_replay_pause',
  'pg_backup_start',
  'pg_start_backup',
  'pg_stat_reset',
  'pg_replication_origin_create',
  'pg_replication_origin_drop',
  'pg_log_backend_memory_contexts',
]

/** Extensions whose functions open connections, touch files or start programs. */
const strongExtensions = [
  'dblink',
  'adminpack',
  'http',
  'pg_net',
  'plsh',
  'aws_s3',
  'aws_lambda',
  'aws_commons',
  'azure_storage',
  'azure_ai',
  'pg_background',
  'pg_cron',
  'pg_curl',
  'pgsql_http',
  'redis_fdw',
  'orafce',
  'pageinspect',
]

const dangersSql = `
with mine as (
  select oid, rolname, rolsuper, rolcreaterole, rolreplication, rolbypassrls
  from pg_catalog.pg_roles where pg_catalog.pg_has_role(current_user, oid, 'MEMBER')
), called as (
  select p.oid, p.proname, n.oid as schema, n.nspname, l.lanname, l.lanpltrusted, e.extname
  from pg_catalog.pg_proc p
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
  join pg_catalog.pg_language l on l.oid = p.prolang
  left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
  left join pg_catalog.pg_extension e on e.oid = d.refobjid
  where p.proname = any($1) and n.nspname = 'pg_catalog'
     or e.extname = any($2)
     or n.nspname not in ('pg_catalog', 'information_schema') and p.oid >= 16384
        and not l.lanpltrusted and (l.lanname not in ('internal', 'c', 'sql') or l.lanname = 'c' and e.extname is null)
)
select 1 as rank, case rolname when current_user then 'it is a superuser' else 'it can become ' || rolname || ', a superuser' end as sentence from mine where rolsuper
union all
select 2, case rolname when current_user then 'it has ' else 'it can become ' || rolname || ', which has ' end
  || concat_ws(', ', case when rolcreaterole then 'CREATEROLE' end, case when rolreplication then 'REPLICATION' end, case when rolbypassrls then 'BYPASSRLS' end)
  from mine where (rolcreaterole or rolreplication or rolbypassrls) and not rolsuper
union all
select 3, 'it is a member of ' || rolname from mine where rolname = any($3)
union all
select 4, 'it may call ' || nspname || '.' || proname || case
    when extname = any($2) then ' of the extension ' || extname
    when nspname = 'pg_catalog' then ''
    else ', which is written in the untrusted language ' || lanname end
  from called where exists (select from mine where pg_catalog.has_function_privilege(mine.oid, called.oid, 'EXECUTE')
    and pg_catalog.has_schema_privilege(mine.oid, called.schema, 'USAGE'))
order by 1, 2 limit 20`

const writesSql = `
select pg_catalog.format('%s on %I.%I', concat_ws(', ',
    case when pg_catalog.has_table_privilege(c.oid, 'INSERT') then 'INSERT' end,
    case when pg_catalog.has_table_privilege(c.oid, 'UPDATE') then 'UPDATE' end,
    case when pg_catalog.has_table_privilege(c.oid, 'DELETE') then 'DELETE' end,
    case when pg_catalog.has_table_privilege(c.oid, 'TRUNCATE') then 'TRUNCATE' end), n.nspname, c.relname) as sentence
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  and pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
union all
select pg_catalog.format('CREATE in schema %I', nspname) from pg_catalog.pg_namespace
where nspname !~ '^pg_' and nspname <> 'information_schema' and pg_catalog.has_schema_privilege(oid, 'CREATE')
order by 1 limit 50`

const adviceSql = `
select pg_catalog.format('it may call %s, by which a statement can reach beyond its own session; as a superuser: REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC;',
    pg_catalog.string_agg(distinct proname, ', '), pg_catalog.string_agg('pg_catalog.' || oid::pg_catalog.regprocedure, ', ')) as sentence
from pg_catalog.pg_proc
where pronamespace = 'pg_catalog'::pg_catalog.regnamespace
  and proname in ('pg_terminate_backend', 'pg_cancel_backend', 'pg_logical_emit_message')
  and pg_catalog.has_function_privilege(oid, 'EXECUTE')
having pg_catalog.count(*) > 0
union all
select 'large sorts may fill the disk of the server; as a superuser: ALTER ROLE ' || pg_catalog.quote_ident(current_user) || ' SET temp_file_limit = ''1GB'';'
where pg_catalog.current_setting('temp_file_limit') = '-1'`

async function sentences(client: Client, sql: string, values: unknown[]): Promise<string[]> {
  const { rows } = await client.query<{ sentence: string }>(sql, values)
  return rows.map(({ sentence }) => sentence)
}

/** What makes the account unfit; asked of every new connection. */
export function dangersOf(client: Client): Promise<string[]> {
  return sentences(client, dangersSql, [strongFunctions, strongExtensions, strongRoles])
}

export async function accountOf(client: Client): Promise<Account> {
  const { rows } = await client.query<{ name: string }>('select current_user::text as name')
  return {
    name: rows[0]?.name ?? '',
    dangers: await dangersOf(client),
    writes: await sentences(client, writesSql, []),
    advice: await sentences(client, adviceSql, []),
  }
}

/** Statements that make a proper account. */
export function postgresRemedy(database: string, schemas: readonly string[]): string {
  const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
  const shown = schemas.length === 0 ? ['public'] : schemas.slice(0, 5)
  return [
    "CREATE ROLE agent_read LOGIN PASSWORD 'choose one' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;",
    `GRANT CONNECT ON DATABASE ${quote(database)} TO agent_read;`,
    ...shown.flatMap((schema) => [
      `GRANT USAGE ON SCHEMA ${quote(schema)} TO agent_read;`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${quote(schema)} TO agent_read;`,
    ]),
  ].join(' ')
}
