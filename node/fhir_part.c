/* SPDX-License-Identifier: Apache-2.0 */
#include "node/fhir_part.h"

#include "protocol/instant.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How SQLite's own functions tell JSON from a text that looks like it. */
enum { SUBTYPE_JSON = 'J' };

static const char urn[] = "urn:sangam:";

/* --- arguments and results ------------------------------------------------ */

static const struct fhir_parts *parts_of(sqlite3_context *context)
{
    return sqlite3_user_data(context);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

/* NULL where it is NULL or blank. */
static const char *text_of(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);
    return text == NULL || is_blank(text) ? NULL : text;
}

static void give_text(sqlite3_context *context, const char *text)
{
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

/* Takes the value. */
static void give_json(sqlite3_context *context, cJSON *value)
{
    if (!fhir_part_prune(value)) {
        char *text = cJSON_PrintUnformatted(value);
        if (text == NULL) {
            abort();
        }
        give_text(context, text);
        sqlite3_result_subtype(context, SUBTYPE_JSON);
        cJSON_free(text);
    }
    cJSON_Delete(value);
}

static void add_text(cJSON *object, const char *name, const char *text)
{
    if (text != NULL) {
        (void)cJSON_AddStringToObject(object, name, text);
    }
}

/* --- leaving out ---------------------------------------------------------- */

static bool prune_text(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        bool control = (unsigned char)*c < ' ' && strchr("\t\r\n", *c) == NULL;
        if (control || *c == '\x7f') {
            *c = '?';
        }
    }
    return is_blank(text);
}

static bool is_bare_extension(const cJSON *value)
{
    return cJSON_IsObject(value) && value->child->next == NULL &&
           strcmp(value->child->string, "url") == 0;
}

bool fhir_part_prune(struct cJSON *value)
{
    if (cJSON_IsString(value)) {
        return prune_text(value->valuestring);
    }
    if (cJSON_IsNumber(value)) {
        return !isfinite(value->valuedouble);
    }
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value)) {
        return cJSON_IsNull(value);
    }
    for (cJSON *item = value->child, *next; item != NULL; item = next) {
        next = item->next;
        if (fhir_part_prune(item)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(value, item));
        }
    }
    return value->child == NULL || is_bare_extension(value);
}

/* --- primitives ----------------------------------------------------------- */

static void part_text(sqlite3_context *context, int count, sqlite3_value **v)
{
    (void)count;
    const char *text = text_of(v[0]);
    if (text != NULL) {
        give_text(context, text);
    }
}

/* FHIR has no year 0. */
static const char *day_of(sqlite3_value *value)
{
    const char *text = text_of(value);
    int64_t day;
    return text != NULL && strncmp(text, "0000", 4) != 0 &&
                   instant_parse_day(slice_text(text), &day)
               ? text
               : NULL;
}

static void part_day(sqlite3_context *context, int count, sqlite3_value **v)
{
    (void)count;
    const char *day = day_of(v[0]);
    if (day != NULL) {
        give_text(context, day);
    }
}

static int32_t offset_at(const struct zone *zone, int64_t ms)
{
    size_t at = 0;
    while (at + 1 < zone->count && zone->offsets[at + 1].from_s * 1000 <= ms) {
        at++;
    }
    return zone->offsets[at].offset_s;
}

static void part_at(sqlite3_context *context, int count, sqlite3_value **v)
{
    enum { SECONDS = 60, MINUTES = 60 };
    const char *text = text_of(v[0]);
    struct bytes local = {0};
    int64_t ms;
    (void)count;
    if (text == NULL || !instant_parse_ms(slice_text(text), &ms)) {
        return;
    }
    int32_t minutes = offset_at(&parts_of(context)->zone, ms) / SECONDS;
    if (instant_print_ms(ms + (int64_t)minutes * SECONDS * 1000, &local) &&
        memcmp(local.data, "0000", 4) != 0) {
        char at[64];
        (void)snprintf(at, sizeof at, "%.*s%c%02d:%02d", (int)local.len - 1,
                       (const char *)local.data, minutes < 0 ? '-' : '+',
                       abs(minutes) / MINUTES, abs(minutes) % MINUTES);
        give_text(context, at);
    }
    bytes_free(&local);
}

static const char *id_of(sqlite3_value *value, char *hashed, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789-.";
    enum { ID_BYTES_MAX = 64, HASHED_BYTES = 16 };
    const char *key = (const char *)sqlite3_value_text(value);
    size_t len = key == NULL ? 0 : strlen(key);
    if (key == NULL ||
        (len > 0 && len <= ID_BYTES_MAX && strspn(key, letters) == len)) {
        return key;
    }
    uint8_t hash[HASHED_BYTES];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)key, len, NULL, 0);
    (void)snprintf(hashed, size, "x-");
    sodium_bin2hex(hashed + 2, size - 2, hash, sizeof hash);
    return hashed;
}

enum { ID_ROOM = 40 }; /* "x-", 32 digits, their end */

static void part_id(sqlite3_context *context, int count, sqlite3_value **v)
{
    (void)count;
    char hashed[ID_ROOM];
    const char *id = id_of(v[0], hashed, sizeof hashed);
    if (id != NULL) {
        give_text(context, id);
    }
}

/* --- lists ---------------------------------------------------------------- */

/* Of the network's id so many digits: 64 bits tell all networks apart, and it
 * stands in each resource some ten times. */
enum { URN_BYTES = 200, NETWORK_DIGITS = 16 };

static const char *urn_of(sqlite3_context *context, const char *list,
                          char out[URN_BYTES])
{
    char network[HASH_HEX_BYTES] = "";
    if (list[0] == ':') {
        hash_print(&parts_of(context)->network, network);
    }
    (void)snprintf(out, URN_BYTES, "%s%.*s%s", urn, NETWORK_DIGITS, network,
                   list);
    return out;
}

static void part_urn(sqlite3_context *context, int count, sqlite3_value **v)
{
    (void)count;
    char system[URN_BYTES];
    give_text(context,
              urn_of(context, (const char *)sqlite3_value_text(v[0]), system));
}

static cJSON *identifier_of(sqlite3_context *context, sqlite3_value *list,
                            const char *value)
{
    char system[URN_BYTES];
    cJSON *identifier = cJSON_CreateObject();
    add_text(identifier, "system",
             urn_of(context, (const char *)sqlite3_value_text(list), system));
    add_text(identifier, "value", value);
    return identifier;
}

static void part_identifier(sqlite3_context *context, int count,
                            sqlite3_value **v)
{
    (void)count;
    const char *value = text_of(v[1]);
    if (value != NULL) {
        give_json(context, identifier_of(context, v[0], value));
    }
}

/* No blank at either end, and one between two words. */
static bool is_code(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool blank = strchr(" \t\r\n\v\f", *c) != NULL;
        if (blank && (c == text || *c != ' ' || c[1] == '\0' || c[1] == ' ')) {
            return false;
        }
    }
    return true;
}

static void part_code(sqlite3_context *context, int count, sqlite3_value **v)
{
    const char *code = text_of(v[1]);
    char system[URN_BYTES];
    (void)count;
    if (code == NULL) {
        return;
    }
    cJSON *concept = cJSON_CreateObject();
    if (is_code(code)) {
        const char *list = (const char *)sqlite3_value_text(v[0]);
        cJSON *coding = cJSON_CreateObject();
        add_text(coding, "system", urn_of(context, list, system));
        add_text(coding, "code", code);
        add_text(coding, "display", text_of(v[2]));
        (void)cJSON_AddItemToArray(cJSON_AddArrayToObject(concept, "coding"),
                                   coding);
    } else {
        add_text(concept, "text", code);
    }
    give_json(context, concept);
}

/* --- data types ----------------------------------------------------------- */

static void part_period(sqlite3_context *context, int count, sqlite3_value **v)
{
    (void)count;
    const char *first = day_of(v[0]);
    const char *last = day_of(v[1]);
    bool turned = first != NULL && last != NULL && strcmp(last, first) < 0;
    cJSON *period = cJSON_CreateObject();
    add_text(period, "start", turned ? NULL : first);
    add_text(period, "end", last);
    give_json(context, period);
}

static void part_quantity(sqlite3_context *context, int count,
                          sqlite3_value **v)
{
    (void)count;
    const char *ucum = text_of(v[2]);
    cJSON *quantity = cJSON_CreateObject();
    if (sqlite3_value_type(v[0]) != SQLITE_NULL &&
        isfinite(sqlite3_value_double(v[0]))) {
        (void)cJSON_AddNumberToObject(quantity, "value",
                                      sqlite3_value_double(v[0]));
        add_text(quantity, "unit", text_of(v[1]));
        add_text(quantity, "system",
                 ucum == NULL ? NULL : "http://unitsofmeasure.org");
        add_text(quantity, "code", ucum);
    }
    give_json(context, quantity);
}

static void part_ref(sqlite3_context *context, int count, sqlite3_value **v)
{
    const char *type = (const char *)sqlite3_value_text(v[0]);
    const char *key = text_of(v[2]);
    bool here = sqlite3_value_type(v[3]) != SQLITE_NULL;
    char hashed[ID_ROOM];
    char target[128];
    (void)count;
    if (key == NULL || (!here && sqlite3_value_type(v[1]) == SQLITE_NULL)) {
        return;
    }
    cJSON *ref = cJSON_CreateObject();
    if (here) {
        (void)snprintf(target, sizeof target, "%s/%s", type,
                       id_of(v[2], hashed, sizeof hashed));
        add_text(ref, "reference", target);
    } else {
        add_text(ref, "type", type);
        (void)cJSON_AddItemToObject(ref, "identifier",
                                    identifier_of(context, v[1], key));
    }
    add_text(ref, "display", text_of(v[4]));
    give_json(context, ref);
}

/* --- all ------------------------------------------------------------------ */

static const struct function {
    const char *name;
    int arguments;
    void (*run)(sqlite3_context *context, int count, sqlite3_value **v);
} functions[] = {
    {"fhir_text", 1, part_text},
    {"fhir_day", 1, part_day},
    {"fhir_at", 1, part_at},
    {"fhir_id", 1, part_id},
    {"fhir_urn", 1, part_urn},
    {"fhir_identifier", 2, part_identifier},
    {"fhir_code", 3, part_code},
    {"fhir_period", 2, part_period},
    {"fhir_quantity", 3, part_quantity},
    {"fhir_ref", 5, part_ref},
};

int fhir_part_install(struct database *db, const struct fhir_parts *parts,
                      struct err *e)
{
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY };
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (sqlite3_create_function_v2(
                database_handle(db), functions[i].name, functions[i].arguments,
                FLAGS, (void *)(uintptr_t)parts, functions[i].run, NULL, NULL,
                NULL) != SQLITE_OK) {
            return database_error(db, e, functions[i].name);
        }
    }
    return 0;
}
