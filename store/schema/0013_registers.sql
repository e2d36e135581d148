-- 0013: registers that were imported: which number a person has in one of them.

-- The number of a person in a register of this site, as it is written there:
-- what the next import of the register, and of others that name people by it,
-- finds the person by. Written by `sangam import`; tools may look up and add.
-- Numbers in clear, and so local: it never leaves this machine.
CREATE TABLE local_register(
  register  TEXT NOT NULL,                         -- which: as its mapping file calls it
  entry     TEXT NOT NULL,                         -- the number, in small letters, blanks as one
  person_id TEXT NOT NULL,                         -- -> person
  noted_at  TEXT NOT NULL                          -- when
            DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY(register, entry)
) STRICT;
CREATE INDEX local_register_person ON local_register(person_id);

INSERT INTO sync_table(table_id, name, kind, base_class, route, owner_column) VALUES
  (27, 'local_register', 'local', NULL, NULL, NULL);
