-- Where the journal of each node stood a moment ago, sealed by the key ring: a journal that was emptied, cut or
-- rolled back is held against it. The database can neither read nor make one.
create table journal_anchors (
  node text primary key,
  box text not null
);
