/* SPDX-License-Identifier: Apache-2.0 */
#include "store/clause.h"

#include <sqlite3.h>
#include <string.h>

static bool is_word(char c)
{
    return c == '_' || c == '$' || (c >= '0' && c <= '9') ||
           (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80) != 0;
}

/* What stands between two marks; a doubled mark is one inside. */
static size_t quoted_length(const char *sql, char end)
{
    const char *at = sql;
    do {
        at = strchr(at + 1, end);
    } while (at != NULL && at[1] == end && end != ']' && *++at != '\0');
    return at == NULL ? strlen(sql) : (size_t)(at + 1 - sql);
}

size_t clause_token(const char *sql)
{
    if (strncmp(sql, "--", 2) == 0) {
        return strcspn(sql, "\n");
    }
    if (strncmp(sql, "/*", 2) == 0) {
        const char *end = strstr(sql + 2, "*/");
        return end == NULL ? strlen(sql) : (size_t)(end + 2 - sql);
    }
    if (*sql == '\'' || *sql == '"' || *sql == '`') {
        return quoted_length(sql, *sql);
    }
    if (*sql == '[') {
        return quoted_length(sql, ']');
    }
    size_t len = 0;
    while (is_word(sql[len])) {
        len++;
    }
    return len == 0 ? 1 : len;
}

static bool is_check(const char *token, size_t len)
{
    return len == 5 && sqlite3_strnicmp(token, "CHECK", 5) == 0;
}

/* The text up to the parenthesis that closes; *at stands behind the first. */
static struct slice read_clause(const char **at)
{
    const char *from = *at;
    int depth = 1;
    while (**at != '\0') {
        depth += (**at == '(') - (**at == ')');
        if (depth == 0) {
            break;
        }
        *at += clause_token(*at);
    }
    return (struct slice){.data = (const uint8_t *)from,
                          .len = (size_t)(*at - from)};
}

bool clause_next(const char **at, struct slice *ret)
{
    bool check = false;
    while (**at != '\0') {
        size_t len = clause_token(*at);
        const char *token = *at;
        *at += len;
        if (check && *token == '(') {
            *ret = read_clause(at);
            return true;
        }
        bool space = strchr(" \t\r\n", *token) != NULL ||
                     strncmp(token, "--", 2) == 0 ||
                     strncmp(token, "/*", 2) == 0;
        check = is_check(token, len) || (check && space);
    }
    return false;
}

static bool is_name(const char *token, size_t len, const char *column)
{
    bool quoted = len >= 2 && strchr("\"`[", *token) != NULL;
    if (quoted) {
        token++;
        len -= 2;
    }
    return (quoted || is_word(*token)) && len == strlen(column) &&
           sqlite3_strnicmp(token, column, (int)len) == 0;
}

bool clause_names(struct slice clause, const char *column)
{
    const char *at = (const char *)clause.data;
    const char *end = at + clause.len;
    while (at < end) {
        size_t len = clause_token(at);
        if (is_name(at, len, column)) {
            return true;
        }
        at += len;
    }
    return false;
}
