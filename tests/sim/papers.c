/* SPDX-License-Identifier: Apache-2.0 */
#include "papers.h"

#include "sim.h"

#include <string.h>

enum { FILES_MAX = 64 };

static const char step[] =
    "CREATE TABLE note(note_id TEXT PRIMARY KEY NOT NULL,"
    " person_id TEXT NOT NULL, says TEXT, pages INTEGER, mood TEXT,"
    " tags TEXT) STRICT;"
    "INSERT INTO sync_table(table_id, name, kind, base_class, route, deletes)"
    " VALUES(8000, 'note', 'record', 5, 'person:person_id', 1);"
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"
    " VALUES(8000, 1, 'note_id', 5, 'key'),"
    " (8000, 2, 'person_id', 5, 'fixed'), (8000, 3, 'says', 5, 'lww'),"
    " (8000, 4, 'pages', 5, 'max'), (8000, 5, 'mood', 5, 'review'),"
    " (8000, 6, 'tags', 4, 'union');"

    "CREATE TABLE paper(paper_id TEXT PRIMARY KEY NOT NULL,"
    " person_id TEXT NOT NULL, owner_site TEXT NOT NULL DEFAULT '@site',"
    " owner_epoch INTEGER NOT NULL DEFAULT 1, place TEXT, status TEXT,"
    " ended_on TEXT, mark TEXT, stamp TEXT) STRICT;"
    "INSERT INTO sync_table(table_id, name, kind, base_class, route,"
    " owner_column, deletes)"
    " VALUES(8001, 'paper', 'record', 5, 'person:person_id', 'owner_site', 1);"
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy,"
    " group_name)"
    " VALUES(8001, 1, 'paper_id', 5, 'key', NULL),"
    " (8001, 2, 'person_id', 5, 'fixed', NULL),"
    " (8001, 3, 'owner_site', 5, 'owner', NULL),"
    " (8001, 4, 'owner_epoch', 5, 'owner', NULL),"
    " (8001, 5, 'place', 5, 'owner', NULL),"
    " (8001, 6, 'status', 5, 'owner', 'course'),"
    " (8001, 7, 'ended_on', 5, 'owner', 'course'),"
    /* anybody's, in the class of the owner's and beside it */
    " (8001, 8, 'mark', 5, 'lww', NULL), (8001, 9, 'stamp', 4, 'lww', NULL);"

    "CREATE TABLE paper_offer(offer_id TEXT PRIMARY KEY NOT NULL,"
    " person_id TEXT NOT NULL, paper_id TEXT, kind TEXT,"
    " to_site TEXT NOT NULL, offered_epoch INTEGER,"
    " origin_site TEXT NOT NULL DEFAULT '@site') STRICT;"
    "INSERT INTO sync_table(table_id, name, kind, base_class, route)"
    " VALUES(8002, 'paper_offer', 'record', 5, 'person:person_id');"
    "INSERT INTO sync_column(table_id, column_id, name, class_id, policy)"
    " VALUES(8002, 1, 'offer_id', 5, 'key'),"
    " (8002, 2, 'person_id', 5, 'fixed'), (8002, 3, 'paper_id', 5, 'fixed'),"
    " (8002, 4, 'kind', 5, 'fixed'), (8002, 5, 'to_site', 5, 'fixed'),"
    " (8002, 6, 'offered_epoch', 5, 'fixed'),"
    " (8002, 7, 'origin_site', 5, 'origin');"
    "INSERT INTO sync_handover(table_id, epoch_column, offer_table, row_column,"
    " to_column, offer_epoch)"
    " VALUES(8001, 'owner_epoch', 'paper_offer', 'paper_id', 'to_site',"
    " 'offered_epoch');";

const struct schema *papers_schema(const struct schema *today)
{
    static struct schema_file files[FILES_MAX];
    static struct schema schema;
    if (today->count >= FILES_MAX) {
        sim_fail("the schema has more than %d steps", FILES_MAX);
    }
    memcpy(files, today->files, today->count * sizeof files[0]);
    files[today->count] =
        (struct schema_file){.name = "8000_papers.sql", .text = step};
    schema = (struct schema){.files = files, .count = today->count + 1};
    return &schema;
}
