/* SPDX-License-Identifier: Apache-2.0 */
#include "node/rowkey.h"

#include <sodium.h>
#include <string.h>

struct target_column *rowkey_column(struct target *t)
{
    struct target_column *found = NULL;
    if (strcmp(t->table, "person") == 0) {
        return NULL;
    }
    for (size_t n = 0; n < t->count; n++) {
        struct target_column *c = &t->columns[n];
        if (c->key_place > 1) {
            return NULL;
        }
        if (c->key_place == 1 && c->has_default && !c->used) {
            found = c;
        }
    }
    return found;
}

/* With its end, so that no two lists of texts are the same bytes. */
static void put_text(struct bytes *out, const char *text)
{
    bytes_put(out, text, strlen(text) + 1);
}

static void put_cell(struct bytes *out, const struct target_column *c)
{
    put_text(out, c->name);
    value_encode(&c->cell.value, out);
}

/* What an empty field leaves to a default is as if it were not there. */
static bool says(const struct target_column *c)
{
    return c->used && c->key_place == 0 && c->cell.value.type != VALUE_NULL;
}

void rowkey_make(const struct target *t, const char *site,
                 const char *register_name, const char *entry,
                 char ret[ROWKEY_BYTES])
{
    uint8_t hash[UUID_BYTES];
    struct bytes said = {0};
    struct bytes text = {0};
    bool has_entry = entry[0] != '\0';

    put_text(&said, "sangam row 1");
    put_text(&said, t->table);
    put_text(&said, site);
    put_text(&said, register_name);
    put_text(&said, entry);
    for (size_t n = 0; n < t->count; n++) {
        const struct target_column *c = &t->columns[n];
        bool about = strcmp(c->name, "person_id") == 0;
        if (says(c) && (!has_entry || about)) {
            put_cell(&said, c);
        }
    }
    (void)crypto_generichash(hash, sizeof hash, said.data, said.len, NULL, 0);
    hash[6] = (uint8_t)(0x80 | (hash[6] & 0x0f));
    hash[8] = (uint8_t)(0x80 | (hash[8] & 0x3f));
    uuid_print(hash, &text);
    memcpy(ret, text.data, UUID_TEXT_BYTES);
    ret[UUID_TEXT_BYTES] = '\0';
    bytes_free(&text);
    bytes_free(&said);
}
