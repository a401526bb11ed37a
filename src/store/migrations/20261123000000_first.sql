-- Desired state that the administration writes. `spec` is the input form, before defaults.
create table servers (
  name text primary key,
  spec jsonb not null,
  updated_at timestamptz not null default now()
);
create table toolsets (like servers including all);
create table roles (like servers including all);
-- `name` is an id that the store gives.
create table access (like servers including all);
create table limits (like servers including all);

-- A key itself is never kept. A name may be used again once its key is revoked or expired.
create table keys (
  hash text primary key check (hash ~ '^[0-9a-f]{64}$'),
  name text not null,
  hint text not null,
  roles text[] not null,
  user_name text,
  teams text[] not null,
  environment text,
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz
);
create unique index keys_one_valid_per_name on keys (name) where revoked_at is null;

create function keys_guard() returns trigger language plpgsql as $$
begin
  if old.hash <> new.hash or old.name <> new.name then
    raise exception 'the identity of a key never changes';
  end if;
  if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then
    raise exception 'a revoked key stays revoked';
  end if;
  return new;
end $$;
create trigger keys_guard before update on keys for each row execute function keys_guard();

-- One row: the version of the desired state. Every write adds one in its own transaction and says so.
create table state_version (
  only_row boolean primary key default true check (only_row),
  version bigint not null
);
insert into state_version (version) values (0);

create function state_version_notify() returns trigger language plpgsql as $$
begin
  perform pg_notify('sallyport_state', new.version::text);
  return null;
end $$;
create trigger state_version_notify after update on state_version
  for each row execute function state_version_notify();

-- The index of the journal: one row a call, refusal or note. The journal is the truth; this can be made again.
create table records (
  writer text not null,
  sequence bigint not null,
  at timestamptz not null,
  kind text not null,
  call text not null,
  principal text not null,
  environment text not null,
  endpoint text not null,
  method text not null,
  server text not null,
  name text not null,
  revision text not null,
  args_digest text not null,
  item_digest text not null,
  rule text not null,
  snapshot bigint,
  detail text not null,
  count bigint not null,
  status text not null,
  code text not null,
  ms double precision,
  bytes bigint,
  primary key (writer, sequence, at)
) partition by range (at);
create index records_at on records (at);
create index records_call on records (call);
create index records_principal on records (principal, at);
create index records_server on records (server, at);

create function records_guard() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    raise exception 'records are never deleted one by one; whole partitions are dropped';
  end if;
  if old.status <> 'open' then
    raise exception 'a record that has its outcome never changes';
  end if;
  if (to_jsonb(old) - '{status,code,ms,bytes}'::text[])
     <> (to_jsonb(new) - '{status,code,ms,bytes}'::text[]) then
    raise exception 'an outcome changes nothing of the intent';
  end if;
  return new;
end $$;
create trigger records_guard before update or delete on records
  for each row execute function records_guard();

-- Outcomes that came before their intent: another writer closed the call after a crash.
create table outcomes_waiting (
  call text primary key,
  at timestamptz not null,
  status text not null,
  code text not null,
  ms double precision not null,
  bytes bigint not null
);

-- How far the journal of each writer is indexed: `next` is the sequence expected next.
create table writers (
  writer text primary key,
  next bigint not null
);
