CREATE TABLE sync_class(class_id INTEGER PRIMARY KEY, name TEXT NOT NULL, says TEXT NOT NULL) STRICT;
CREATE TABLE sync_table(table_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL CHECK(kind IN('event','record','reference','local')), base_class INTEGER, route TEXT, owner_column TEXT) STRICT;
CREATE TABLE sync_column(table_id INTEGER NOT NULL, column_id INTEGER NOT NULL, name TEXT NOT NULL, class_id INTEGER NOT NULL, policy TEXT NOT NULL CHECK(policy IN('key','origin','fixed','lww','owner')), PRIMARY KEY(table_id,column_id), UNIQUE(table_id,name)) STRICT;
INSERT INTO sync_class VALUES(1,'control','x');
