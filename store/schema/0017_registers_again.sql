-- 0017: what registers said last, so that what changed in one can be told from
-- what was changed here.

-- What a register of this site said of a row when it was imported last: what the
-- next import compares line and row with (docs/decisions/0022). Of records, whose
-- rows change; not of events. Written by `sangam import`; it never leaves this
-- machine.
CREATE TABLE local_register_row(
  register   TEXT NOT NULL,                        -- which: as its mapping file calls it; '' without one
  table_name TEXT NOT NULL,                        -- the table of the row
  key        TEXT NOT NULL,                        -- the row's key; several columns are joined by '/'
  said       TEXT NOT NULL,                        -- JSON: column -> text, or null for an empty field
  noted_at   TEXT NOT NULL                         -- when
             DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY(register, table_name, key)
) STRICT, WITHOUT ROWID;

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (28, 'local_register_row', 'local', NULL, NULL, NULL);
