-- The gateways that are one gateway: where each is reached, and when it last said that it lives.
-- `boot` is new with every start. `seal` is a box of the key ring over the row: without it the row counts for nothing.
create table nodes (
  node text primary key,
  boot text not null,
  address text not null,
  seal text not null,
  -- It stops in order: it ends what runs and takes nothing new.
  leaving boolean not null,
  seen_at timestamptz not null
);

-- Who comes, moves or goes is told at once; a heartbeat is not.
create function nodes_notify() returns trigger language plpgsql as $$
begin
  perform pg_notify('sallyport_nodes', '');
  return null;
end $$;
create trigger nodes_notify after insert or delete on nodes
  for each row execute function nodes_notify();
create trigger nodes_notify_change after update on nodes
  for each row when (old.boot <> new.boot or old.address <> new.address
    or old.leaving <> new.leaving)
  execute function nodes_notify();
